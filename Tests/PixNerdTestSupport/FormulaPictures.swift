/// The images of `formula_pictures` in make_evaluation_fixtures.py, [count, height, width, 3]: kind 0 is noise, kind 1
/// smooth with edges, kind 2 has seams every 8 pixels.
public func formulaPictures(_ count: Int, _ height: Int, _ width: Int, kind: Int) -> [UInt8] {
    var pixels: [UInt8] = []
    for n in 0..<count {
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 {
                    var noise =
                        UInt32(x) &* 2_654_435_761 &+ UInt32(y) &* 2_246_822_519 &+ UInt32(c) &* 3_266_489_917
                    noise = noise &+ UInt32(n) &* 374_761_393
                    noise = (noise ^ (noise >> 15)) &* 668_265_263
                    let grain = Int(noise >> 24)
                    var value = (x * (n + 1) * 3 + y * (c + 2) * 2 + (x / 11 + y / 7) % 3 * 40 + n * 17) % 200
                    value += grain / 32 + (kind == 2 ? 25 * ((x / 8 + y / 8) % 2) : 0)
                    pixels.append(UInt8(clamping: kind == 0 ? grain : value))
                }
            }
        }
    }
    return pixels
}
