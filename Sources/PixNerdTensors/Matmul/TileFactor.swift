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

    /// Packs a left factor of n rows.
    func packLeft(_ n: Int, inner: Int, into packed: UnsafeMutableRawPointer) {
        pn_tile_pack_left(n, inner, kernel, packed)
    }

    /// Packs a right factor of n columns.
    func packRight(_ n: Int, inner: Int, into packed: UnsafeMutableRawPointer) {
        pn_tile_pack_right(n, inner, kernel, packed)
    }
}

/// The right factor b [inner, columns] of a matmul, packed in bf16 for products over tiles.
struct TileFactor: Sendable {
    private(set) var columns: Int
    let inner: Int
    private let storage: RoundedStorage
    /// The first column in the memory, a multiple of 32.
    private var first = 0

    /// Packs a factor on all threads.
    init(columns: Int, inner: Int, _ source: TileSource) {
        (self.columns, self.inner) = (columns, inner)
        let storage = RoundedStorage(count: pn_tile_packed_count(columns, inner))
        self.storage = storage
        // Parts of about 256 KiB, whole blocks of columns.
        let block = Int(TILE_BLOCK)
        let part = max(1, (1 << 17) / (inner * block)) * block
        parallelChunks(columns, of: part) { range in
            source.from(range.lowerBound).packRight(
                range.count, inner: inner, into: storage.pointer + pn_tile_packed_count(range.lowerBound, inner))
        }
    }

    /// A weight [out, in] as the right factor of x W^T.
    init(weight: Tensor) {
        self.init(
            columns: weight.shape[0], inner: weight.shape[1],
            TileSource(right: Matrix(weight.pointer, stride: weight.shape[1], transposed: true)))
    }

    /// The first number of the block of `column`, a multiple of 32, from step `step` of the inner dimension on.
    func start(column: Int, step: Int = 0) -> UnsafePointer<BFloat16> {
        UnsafePointer(storage.pointer + pn_tile_packed_count(first + column, inner) + step * Int(TILE_STEP_ELEMENTS))
    }

    /// Some of the columns, from a multiple of 32 on.
    subscript(columns: Range<Int>) -> TileFactor {
        var part = self
        part.columns = columns.count
        part.first = first + columns.lowerBound
        return part
    }

    /// Numbers from a block of columns to the next.
    var block: Int { pn_tile_packed_count(Int(TILE_BLOCK), inner) }
}
