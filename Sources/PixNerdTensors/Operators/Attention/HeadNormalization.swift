import CPixNerdKernels

/// Attention whose queries and keys are RMS-normalized and, with a table, rotated.
struct HeadNormalization {
    let layout: AttentionLayout
    /// [d]
    let queryNorm: Tensor
    /// [d]
    let keyNorm: Tensor
    /// [N, d / 2, 2]; nil if nothing is rotated.
    private let table: Tensor?
    private let epsilon: Float

    init(_ layout: AttentionLayout, queryNorm: Tensor, keyNorm: Tensor, table: Tensor?, epsilon: Float) {
        self.layout = layout
        (self.queryNorm, self.keyNorm) = (queryNorm, keyNorm)
        (self.table, self.epsilon) = (table, epsilon)
    }

    func check(_ name: String) {
        let (tokens, width) = (layout.tokens, layout.headWidth)
        precondition(
            queryNorm.shape == [width] && keyNorm.shape == [width]
                && table.map { width % 4 == 0 && $0.count == tokens * width } ?? true,
            "\(name): \(tokens) tokens of \(layout.heads) heads of \(width), norms \(queryNorm.shape) and "
                + "\(keyNorm.shape), table \(table?.shape ?? []) do not fit")
    }

    /// Rows of a head, `stride` elements apart.
    private typealias Rows = (pointer: UnsafePointer<Float>, stride: Int)

    /// Normalizes and, with a table, rotates rows into [rows, d], converted in place.
    @discardableResult
    private func normalize<Element: ProductFactor>(
        _ source: Rows, rows: Int, weight: Tensor, table: Tensor?, into target: UnsafeMutablePointer<Float>,
        as type: Element.Type
    ) -> Matrix<Element> {
        let width = layout.headWidth
        if let table {
            pn_rotary_norm_forward(
                rows, width, source.stride, epsilon, source.pointer, weight.pointer, table.pointer, target)
        } else {
            pn_head_norm_forward(rows, width, source.stride, epsilon, source.pointer, weight.pointer, target)
        }
        return Matrix(type.roundedInPlace(target, count: rows * width), stride: width)
    }

    func attend<Element: ProductFactor>(
        _ qkv: Tensor, _ text: TextTokens?, _ type: Element.Type
    ) -> (out: Tensor, logSums: Tensor) {
        let shape = [layout.batch, layout.heads, layout.tokens, layout.headWidth]
        let normalized = [Tensor(uninitialized: shape), Tensor(uninitialized: shape)]
        let head = layout.tokens * layout.headWidth
        let parts = qkv.rounded(to: type)
        let isRounded = qkv.isRounded
        parallelFor(layout.items) { item in
            for (part, weight) in [queryNorm, keyNorm].enumerated() {
                withWorkspace(isRounded ? head : 0) { room in
                    let source =
                        isRounded
                        ? widened(part, of: parts.pointer, item: item, in: room)
                        : layout.part(part, of: qkv.pointer, item: item).rows
                    normalize(
                        source, rows: layout.tokens, weight: weight, table: table,
                        into: normalized[part].storage.pointer + item * head, as: type)
                }
            }
        }
        func part(_ part: Int) -> (_ item: Int) -> Matrix<Element> {
            { Matrix(type.inPlace(normalized[part].pointer + $0 * head), stride: layout.headWidth) }
        }
        let own = AttendedTokens(
            count: layout.tokens, keys: part(1), values: { layout.part(2, of: parts.pointer, item: $0) })
        return layout.attend(queries: part(0), to: [own] + (text.map { [attended($0, type)] } ?? []))
    }

    /// The rows of texts as tokens to attend to. Each text's keys are normalized once.
    private func attended<Element: ProductFactor>(
        _ text: TextTokens, _ type: Element.Type
    ) -> AttendedTokens<Element> {
        let (texts, width, heads) = (text.layout, layout.headWidth, layout.heads)
        let normalized = Tensor(uninitialized: [texts.texts, heads, texts.rows, width])
        parallelFor(texts.texts * heads) { index in
            let source = text.tensor.pointer + texts.offset(text: index / heads, head: index % heads)
            normalize(
                (source, 2 * texts.width), rows: texts.rows, weight: keyNorm, table: nil,
                into: normalized.storage.pointer + index * texts.rows * width, as: type)
        }
        let parts = text.tensor.rounded(to: type)
        return AttendedTokens(
            count: texts.rows,
            keys: { item in
                let place = texts.ofImage[item / heads] * heads + item % heads
                return Matrix(type.inPlace(normalized.pointer + place * texts.rows * width), stride: width)
            },
            values: { texts.values(of: parts.pointer, item: $0) })
    }

    /// The gradients of qkv and of the texts. Adds the gradients of the weights of both norms.
    func backward<Element: ProductFactor>(
        _ qkv: Rounded<Element>, _ text: (parts: Rounded<Element>, layout: TextLayout)?, logSums: Tensor,
        upstream: Rounded<Element>
    ) -> (qkv: Tensor, text: Tensor?) {
        let (tokens, headWidth, width) = (layout.tokens, layout.headWidth, layout.width)
        // A linear layer reads the gradient of qkv.
        let rounds = Element.self == BFloat16.self && TileProduct.isUsed
        let gradient = PartlyRounded(shape: [layout.batch, tokens, 3 * width], rounds: rounds)
        // Of each image by itself, summed over the images of a text below.
        let textGradient = text.map { Tensor(uninitialized: [layout.batch, $0.layout.rows, 2 * width]) }
        let (head, textHead) = (tokens * headWidth, (layout.keys - tokens) * headWidth)
        // The gradients of both norms' weights per item, summed in item order below.
        let normGradients = Tensor(zeros: [layout.items, 2 * headWidth])
        parallelFor(layout.items) { item in
            let sums = normGradients.storage.pointer + item * 2 * headWidth
            withWorkspace(6 * head + 3 * textHead + (rounds ? 3 * head : 0)) { workspace in
                let place = PartPlace(
                    gradient, layout, item: item, room: workspace + 6 * head + 3 * textHead)
                defer { place.finish() }
                let places = (0..<6).map { workspace + $0 * head }
                let queries = widened(0, of: qkv.pointer, item: item, in: places[0])
                let keys = widened(1, of: qkv.pointer, item: item, in: places[1])
                func rotated(_ source: Rows, _ weight: Tensor, _ place: Int) -> Matrix<Element> {
                    normalize(source, rows: tokens, weight: weight, table: table, into: places[place], as: Element.self)
                }
                let (rotatedQueries, rotatedKeys) = (rotated(queries, queryNorm, 2), rotated(keys, keyNorm, 3))
                var attended = [
                    AttendedTokens(
                        count: tokens, keys: { _ in rotatedKeys },
                        values: { layout.part(2, of: qkv.pointer, item: $0) })
                ]
                var gradients = [
                    AttendedGradient(
                        keys: GradientRows(places[5], stride: headWidth),
                        values: GradientRows(place.part(2), stride: place.stride))
                ]
                let ofText = text.map {
                    TextHead(
                        $0.parts.pointer, $0.layout, item: item, room: workspace + 6 * head,
                        gradient: textGradient!.storage.pointer)
                }
                if let ofText, let text {
                    let textKeys = normalize(
                        ofText.keys, rows: ofText.rows, weight: keyNorm, table: nil, into: ofText.normalized,
                        as: Element.self)
                    attended.append(
                        AttendedTokens(
                            count: ofText.rows, keys: { _ in textKeys },
                            values: { text.layout.values(of: text.parts.pointer, item: $0) }))
                    gradients.append(
                        AttendedGradient(
                            keys: GradientRows(ofText.keyGradient, stride: headWidth),
                            values: GradientRows(ofText.target + width, stride: 2 * width)))
                }
                layout.attentionBackward(
                    item: item, queries: rotatedQueries, to: attended, logSums: logSums, upstream: upstream.pointer,
                    queryGradient: GradientRows(places[4], stride: headWidth), gradients: gradients)
                normalizeBackward(
                    queries, rows: tokens, queryNorm, table, places[4], stride: place.stride, into: place.part(0), sums)
                normalizeBackward(
                    keys, rows: tokens, keyNorm, table, places[5], stride: place.stride, into: place.part(1),
                    sums + headWidth)
                if let ofText {
                    normalizeBackward(
                        ofText.keys, rows: ofText.rows, keyNorm, nil, ofText.keyGradient, stride: 2 * width,
                        into: ofText.target, sums + headWidth)
                }
            }
        }
        for (norm, offset) in [(queryNorm, 0), (keyNorm, headWidth)] {
            norm.node?.accumulateFromZero { pointer in
                pn_column_sums(layout.items, headWidth, 2 * headWidth, normGradients.pointer + offset, pointer)
            }
        }
        return (gradient.tensor, textGradient.map { text!.layout.summed($0) })
    }

    /// An item's queries (part 0) or keys (part 1) as float32, [N, d].
    private func widened<Element: ProductFactor>(
        _ part: Int, of qkv: UnsafePointer<Element>, item: Int, in room: UnsafeMutablePointer<Float>
    ) -> Rows {
        let source = layout.part(part, of: qkv, item: item)
        return Element.widened(
            source.pointer, rows: layout.tokens, width: layout.headWidth, stride: source.stride, in: room)
    }

    /// Computes the gradient of rows before `normalize`, and adds that of the weight to `sums`.
    private func normalizeBackward(
        _ source: Rows, rows: Int, _ weight: Tensor, _ table: Tensor?, _ upstream: UnsafeMutablePointer<Float>,
        stride: Int, into target: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Float>
    ) {
        let width = layout.headWidth
        if let table {
            pn_rotary_norm_backward(
                rows, width, source.stride, epsilon, source.pointer, weight.pointer, table.pointer, upstream, stride,
                target, sums)
        } else {
            pn_head_norm_backward(
                rows, width, source.stride, epsilon, source.pointer, weight.pointer, upstream, stride, target, sums)
        }
    }
}

/// The place of the gradients of an item's queries, keys and values: in that of qkv, or in scratch memory from which
/// they are rounded.
private struct PartPlace {
    let stride: Int
    private let start: UnsafeMutablePointer<Float>
    /// Elements from a part to the next.
    private let step: Int
    private let layout: AttentionLayout
    private let rounded: UnsafeMutablePointer<BFloat16>?

    /// - Parameter room: scratch memory of 3 N d elements; not used for float32.
    init(_ gradient: PartlyRounded, _ layout: AttentionLayout, item: Int, room: UnsafeMutablePointer<Float>) {
        self.layout = layout
        let offset = layout.offset(item: item)
        switch gradient {
        case .float32(let tensor):
            (start, step, rounded) = (tensor.storage.pointer + offset, layout.width, nil)
        case .bfloat16(let storage, _):
            (start, step, rounded) = (room, layout.headWidth, storage.pointer + offset)
        }
        stride = 3 * step
    }

    func part(_ part: Int) -> UnsafeMutablePointer<Float> { start + part * step }

    /// Rounds the gradients, unless they are where they belong.
    func finish() {
        guard let rounded else { return }
        for row in 0..<layout.tokens {
            for part in 0..<3 {
                pn_round_to_bfloat16(
                    layout.headWidth, self.part(part) + row * stride, rounded + (3 * row + part) * layout.width)
            }
        }
    }
}

extension Matrix {
    /// The rows of a matrix that is not transposed.
    fileprivate var rows: (pointer: UnsafePointer<Element>, stride: Int) { (pointer, stride) }
}

extension TextLayout {
    /// The values of an item's text: [L, d].
    fileprivate func values<Element: ProductFactor>(of parts: UnsafePointer<Element>, item: Int) -> Matrix<Element> {
        Matrix(parts + offset(text: ofImage[item / heads], head: item % heads) + width, stride: 2 * width)
    }
}

/// A head of an image's text in the backward pass.
private struct TextHead {
    let rows: Int
    /// Keys as float32.
    let keys: (pointer: UnsafePointer<Float>, stride: Int)
    /// Place for the normalized keys, [L, d].
    let normalized: UnsafeMutablePointer<Float>
    /// Place for the gradient of the normalized keys, [L, d].
    let keyGradient: UnsafeMutablePointer<Float>
    /// Place of the gradient of the keys in that of the image's text, [L, 2 D].
    let target: UnsafeMutablePointer<Float>

    /// - Parameters:
    ///   - room: scratch memory of 3 L d elements.
    ///   - gradient: [B, L, 2 D].
    init<Element: ProductFactor>(
        _ parts: UnsafePointer<Element>, _ layout: TextLayout, item: Int, room: UnsafeMutablePointer<Float>,
        gradient: UnsafeMutablePointer<Float>
    ) {
        let (image, head) = (item / layout.heads, item % layout.heads)
        let count = layout.rows * layout.headWidth
        rows = layout.rows
        keys = Element.widened(
            parts + layout.offset(text: layout.ofImage[image], head: head), rows: rows, width: layout.headWidth,
            stride: 2 * layout.width, in: room)
        (normalized, keyGradient) = (room + count, room + 2 * count)
        target = gradient + layout.offset(text: image, head: head)
    }
}
