import CPixNerdKernels

/// Numbers of a factor before they are packed for tiles: a matrix [n, inner] or [inner, n].
struct TileSource: @unchecked Sendable {
    fileprivate(set) var kernel: pn_tile_source

    /// The left factor a [rows, inner] of a matmul.
    init<Element: ProductFactor>(left a: Matrix<Element>) { self.init(a, isTransposed: a.transposed) }

    /// The right factor b [inner, columns] of a matmul.
    init<Element: ProductFactor>(right b: Matrix<Element>) { self.init(b, isTransposed: !b.transposed) }

    private init<Element: ProductFactor>(_ matrix: Matrix<Element>, isTransposed: Bool) {
        kernel = pn_tile_source(
            numbers: matrix.pointer, stride: matrix.stride, is_transposed: isTransposed,
            is_float: Element.self == Float.self)
    }

    private var size: Int { kernel.is_float ? 4 : 2 }

    /// The part of the factor from row or column `n` and number `inner` of the inner dimension on.
    func from(_ n: Int, inner: Int = 0) -> TileSource {
        var part = self
        let offset = kernel.is_transposed ? inner * kernel.stride + n : n * kernel.stride + inner
        part.kernel.numbers = kernel.numbers + offset * size
        return part
    }

    /// Whether tiles can be read from a left factor without packing it.
    func canBeReadInPlace(inner: Int) -> Bool {
        !kernel.is_transposed && !kernel.is_float && inner % Int(TILE_STEP) == 0
    }

    /// Packs a left factor of n rows: in bf16, or in int8 with its scales.
    func packLeft(
        _ n: Int, inner: Int, into packed: UnsafeMutableRawPointer, scales: UnsafeMutablePointer<Float>? = nil
    ) {
        if let scales {
            pn_int8_pack_left(n, inner, kernel, packed, scales)
        } else {
            pn_tile_pack_left(n, inner, kernel, packed)
        }
    }

    /// Packs a right factor of n columns: in bf16, or in int8 with its scales.
    func packRight(
        _ n: Int, inner: Int, into packed: UnsafeMutableRawPointer, scales: UnsafeMutablePointer<Float>? = nil
    ) {
        if let scales {
            pn_int8_pack_right(n, inner, kernel, packed, scales)
        } else {
            pn_tile_pack_right(n, inner, kernel, packed)
        }
    }
}

/// A factor of a matmul, packed for products over tiles in bf16 or int8: rows of the left one or columns of the right
/// one.
struct TileFactor: Sendable {
    /// Number of rows or columns.
    private(set) var count: Int
    let inner: Int
    private let storage: RoundedStorage
    /// The scales of rows or columns in int8; nil for bf16.
    private let scaleTensor: Tensor?
    /// The first row or column in the memory, a multiple of 32.
    private var first = 0

    /// Packs the right factor b [inner, columns] on all threads.
    init(columns: Int, inner: Int, _ source: TileSource, isInt8: Bool = false) {
        self.init(columns, inner: inner, isInt8: isInt8) { range, place, scales in
            source.from(range.lowerBound).packRight(range.count, inner: inner, into: place, scales: scales)
        }
    }

    /// Packs the left factor a [rows, inner] on all threads.
    init(rows: Int, inner: Int, _ source: TileSource, isInt8: Bool = false) {
        self.init(rows, inner: inner, isInt8: isInt8) { range, place, scales in
            source.from(range.lowerBound).packLeft(range.count, inner: inner, into: place, scales: scales)
        }
    }

    private init(
        _ count: Int, inner: Int, isInt8: Bool,
        _ pack: (
            _ range: Range<Int>, _ place: UnsafeMutableRawPointer, _ scales: UnsafeMutablePointer<Float>?
        ) -> Void
    ) {
        (self.count, self.inner) = (count, inner)
        let scales = isInt8 ? Tensor(uninitialized: [count]) : nil
        scaleTensor = scales
        let storage = RoundedStorage(count: Self.size(count, inner: inner, isInt8: isInt8))
        self.storage = storage
        // Parts of about 256 KiB, whole blocks.
        let block = Int(TILE_BLOCK)
        let part = max(1, (1 << 17) / (inner * block)) * block
        parallelChunks(count, of: part) { range in
            pack(
                range, storage.pointer + Self.size(range.lowerBound, inner: inner, isInt8: isInt8),
                scales.map { $0.storage.pointer + range.lowerBound })
        }
    }

    /// A weight [out, in] as the right factor of x W^T.
    init(weight: Tensor, isInt8: Bool = false) {
        self.init(
            columns: weight.shape[0], inner: weight.shape[1],
            TileSource(right: Matrix(weight.pointer, stride: weight.shape[1], transposed: true)), isInt8: isInt8)
    }

    /// Numbers of the size of bf16 that `n` rows or columns take.
    private static func size(_ n: Int, inner: Int, isInt8: Bool) -> Int {
        isInt8 ? pn_int8_packed_count(n, inner) : pn_tile_packed_count(n, inner)
    }

    var isInt8: Bool { scaleTensor != nil }
    /// The length of a step of the inner dimension.
    var step: Int { Int(isInt8 ? INT8_STEP : TILE_STEP) }

    /// The first number of the block of row or column `place`, a multiple of 32, from step `step` of the inner dimension
    /// on.
    func start(at place: Int, step: Int = 0) -> UnsafePointer<BFloat16> {
        UnsafePointer(
            storage.pointer + Self.size(first + place, inner: inner, isInt8: isInt8) + step * Int(TILE_STEP_ELEMENTS))
    }

    /// The scales of rows or columns from `place` on; nil for bf16.
    func scales(at place: Int) -> UnsafePointer<Float>? { scaleTensor.map { $0.pointer + first + place } }

    /// Some of the rows or columns, from a multiple of 32 on.
    subscript(range: Range<Int>) -> TileFactor {
        var part = self
        part.count = range.count
        part.first = first + range.lowerBound
        return part
    }

    /// Numbers from a block to the next.
    var block: Int { Self.size(Int(TILE_BLOCK), inner: inner, isInt8: isInt8) }
}
