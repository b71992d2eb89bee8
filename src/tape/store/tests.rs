use super::*;

#[test]
fn a_buffer_comes_back_from_the_pool() {
    let mut store = Store::<f32>::new();
    let mark = store.mark();
    let place = store.build(5000, |y| y.fill(1.0)).unwrap();
    store.rewind(mark);
    store.build(5100, |y| assert_eq!(y[0], 1.0, "recycled, not zeroed")).unwrap();
    assert_eq!(store.hits_and_misses(), (1, 1));
    assert!(!place.in_arena() && store.peak_bytes() >= 20_000);
}

#[test]
fn an_arena_that_is_full_is_an_error_that_names_the_line() {
    let at = std::panic::Location::caller();
    let full = || Store::<f32> { used: IN_ARENA, ..Store::new() };
    let said = full().build(2, |_| unreachable!("there is no place")).map(|_| ()).expect_err("full").to_string();
    assert!(said.contains("2^32 numbers") && said.contains("hint: call `reset`"), "{said}");
    let panic = std::panic::catch_unwind(|| full().push_number(1.0, at)).expect_err("full");
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.starts_with("tape: small arrays") && said.contains("store/tests.rs") && said.contains("hint: "), "{said}");
}
