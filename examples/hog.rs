//! stub
fn main() {
    println!("{:?}", wengert::vision::image::read_image(std::env::args().nth(1).unwrap()).unwrap().dim());
}
