import CPixNerdKernels

/// Multi-head attention over several streams of tokens, such as a text and an image, whose queries, keys and values come
/// from matrices of their own; queries and keys are RMS-normalized by weights that the streams share, and rotated.
///
/// Every token attends to all tokens of all streams, in one softmax. Rotation pairs the first half of a head with its
/// second. See `attention` for what the backward pass recomputes. (The joint attention of Esser et al., arXiv 2403.03206,
/// section 4.)
///
/// - Parameters:
///   - streams: [B, N, 3 D] each, the queries, keys and values of each token side by side.
///   - answered: the streams whose queries are answered; nil for all.
///   - queryNorm: [d], the weight of the queries' norm.
///   - keyNorm: [d], the weight of the keys' norm.
///   - heads: number of heads, of width d = D / heads, which is even.
///   - tables: [N, 2, d / 2] for each stream, cosines and then sines, from `rotaryTable(tokens:headWidth:theta:)` or
///     `rotaryTable(rows:columns:headWidth:theta:)`.
///   - epsilon: added to the mean of squares under the norms' root.
/// - Returns: [B, N, D] for each answered stream.
public func streamAttention(
    _ streams: [Tensor], answering answered: Range<Int>? = nil, queryNorm: Tensor, keyNorm: Tensor, heads: Int,
    tables: [Tensor], epsilon: Float = 1e-6
) -> [Tensor] {
    OperatorProfile.begin("streamAttention")
    defer { OperatorProfile.end() }
    let heads = StreamHeads(
        streams, queryNorm: queryNorm, keyNorm: keyNorm, heads: heads, tables: tables, epsilon: epsilon)
    let answered = answered ?? streams.indices
    precondition(
        streams.indices.contains(answered.lowerBound) && answered.upperBound <= streams.count,
        "streamAttention: streams \(answered) of \(streams.count)")
    return switch heads.precision {
    case .fp32: heads.attend(streams, answered, Float.self)
    case .bf16: heads.attend(streams, answered, BFloat16.self)
    }
}

/// The heads of several streams, with the norms and the rotation of their queries and keys.
private struct StreamHeads {
    /// The layout of each stream, whose keys are those of all streams.
    let layouts: [AttentionLayout]
    /// [d]
    let queryNorm: Tensor
    /// [d]
    let keyNorm: Tensor
    /// [N, 2, d / 2] for each stream.
    let tables: [Tensor]
    let epsilon: Float

    init(
        _ streams: [Tensor], queryNorm: Tensor, keyNorm: Tensor, heads: Int, tables: [Tensor], epsilon: Float
    ) {
        let tokens = streams.reduce(0) { $0 + $1.shape[1] }
        layouts = streams.map { AttentionLayout(qkv: $0, heads: heads, others: tokens - $0.shape[1]) }
        (self.queryNorm, self.keyNorm, self.tables, self.epsilon) = (queryNorm, keyNorm, tables, epsilon)
        let (batch, width) = (layouts[0].batch, layouts[0].headWidth)
        precondition(
            width % 2 == 0 && queryNorm.shape == [width] && keyNorm.shape == [width]
                && tables.count == streams.count
                && zip(layouts, tables).allSatisfy {
                    $0.batch == batch && $0.headWidth == width && $1.count == $0.tokens * width
                },
            "streamAttention: streams \(streams.map(\.shape)) of \(heads) heads, norms \(queryNorm.shape) and "
                + "\(keyNorm.shape), tables \(tables.map(\.shape)) do not fit")
    }

    private var width: Int { layouts[0].width }
    private var headWidth: Int { layouts[0].headWidth }
    /// Number of tokens of all streams.
    private var tokens: Int { layouts[0].keys }

    /// Precision of the matmuls of all streams.
    var precision: MatmulType { Precision.ofProduct(rows: tokens, columns: tokens, inner: headWidth) }

    /// Rows of a head, `stride` elements apart.
    private typealias Rows = (pointer: UnsafePointer<Float>, stride: Int)

    /// Normalizes and rotates rows of a stream into [N, d], converted in place.
    @discardableResult
    private func rotate<Element: ProductFactor>(
        _ source: Rows, of stream: Int, _ weight: Tensor, into target: UnsafeMutablePointer<Float>,
        as type: Element.Type
    ) -> Matrix<Element> {
        let rows = layouts[stream].tokens
        pn_rotary_halves_norm_forward(
            rows, headWidth, source.stride, epsilon, source.pointer, weight.pointer, tables[stream].pointer, target)
        return Matrix(type.roundedInPlace(target, count: rows * headWidth), stride: headWidth)
    }

    /// The queries (part 0) or keys (part 1) of a stream, rotated and converted, [B, heads, N, d].
    private func rotated<Element: ProductFactor>(
        _ part: Int, of stream: Int, _ qkv: Tensor, _ weight: Tensor, _ type: Element.Type
    ) -> (_ item: Int) -> Matrix<Element> {
        let layout = layouts[stream]
        let head = layout.tokens * headWidth
        let place = Tensor(uninitialized: [layout.items, head])
        parallelFor(layout.items) { item in
            let source = layout.part(part, of: qkv.pointer, item: item)
            rotate(
                (source.pointer, source.stride), of: stream, weight, into: place.storage.pointer + item * head,
                as: type)
        }
        return { Matrix(type.inPlace(place.pointer + $0 * head), stride: headWidth) }
    }

    func attend<Element: ProductFactor>(
        _ streams: [Tensor], _ answered: Range<Int>, _ type: Element.Type
    ) -> [Tensor] {
        let parts = streams.map { $0.rounded(to: type) }
        let attended = streams.indices.map { stream in
            let layout = layouts[stream]
            return AttendedTokens(
                count: layout.tokens, keys: rotated(1, of: stream, streams[stream], keyNorm, type),
                values: { layout.part(2, of: parts[stream].pointer, item: $0) })
        }
        let nodes = streams.map(\.node)
        return answered.map { stream in
            let (out, logSums) = layouts[stream].attend(
                queries: rotated(0, of: stream, streams[stream], queryNorm, type), to: attended)
            return Tape.record(
                "streamAttention", out, from: streams + [queryNorm, keyNorm], keeping: parts
            ) { upstream, kept in
                let gradients = backward(kept, of: stream, logSums: logSums, upstream.rounded(to: type))
                for (node, gradient) in zip(nodes, gradients) { node?.add(gradient) }
            }
        }
    }

    /// The gradients of the streams from that of one answer. Adds the gradients of the weights of both norms.
    private func backward<Element: ProductFactor>(
        _ streams: [Rounded<Element>], of answered: Int, logSums: Tensor, _ upstream: Rounded<Element>
    ) -> [Tensor] {
        let (own, batch) = (layouts[answered], layouts[0].batch)
        // The queries of the other streams get nothing.
        let gradients = layouts.indices.map {
            $0 == answered
                ? Tensor(uninitialized: [batch, layouts[$0].tokens, 3 * width])
                : Tensor(zeros: [batch, layouts[$0].tokens, 3 * width])
        }
        let firsts = layouts.indices.map { layouts[..<$0].reduce(0) { $0 + $1.tokens } }
        // The gradients of both norms' weights per item, summed in item order below.
        let normGradients = Tensor(zeros: [own.items, 2 * headWidth])
        parallelFor(own.items) { item in
            let sums = normGradients.storage.pointer + item * 2 * headWidth
            func target(_ stream: Int) -> UnsafeMutablePointer<Float> {
                gradients[stream].storage.pointer + layouts[stream].offset(item: item)
            }
            func widened(_ part: Int, _ stream: Int, in room: UnsafeMutablePointer<Float>) -> Rows {
                let source = layouts[stream].part(part, of: streams[stream].pointer, item: item)
                return Element.widened(
                    source.pointer, rows: layouts[stream].tokens, width: headWidth, stride: source.stride, in: room)
            }
            let (ofQueries, ofKeys) = (own.tokens * headWidth, tokens * headWidth)
            withWorkspace(3 * (ofQueries + ofKeys)) { workspace in
                let places = (0..<3).map { workspace + $0 * ofQueries }
                let keyPlaces = (0..<3).map { workspace + 3 * ofQueries + $0 * ofKeys }
                let queries = widened(0, answered, in: places[0])
                let rotatedQueries = rotate(queries, of: answered, queryNorm, into: places[1], as: Element.self)
                let keys = layouts.indices.map { widened(1, $0, in: keyPlaces[0] + firsts[$0] * headWidth) }
                let attended = layouts.indices.map { stream in
                    let rotated = rotate(
                        keys[stream], of: stream, keyNorm, into: keyPlaces[1] + firsts[stream] * headWidth,
                        as: Element.self)
                    return AttendedTokens(
                        count: layouts[stream].tokens, keys: { _ in rotated },
                        values: { layouts[stream].part(2, of: streams[stream].pointer, item: $0) })
                }
                own.attentionBackward(
                    item: item, queries: rotatedQueries, to: attended, logSums: logSums, upstream: upstream.pointer,
                    queryGradient: GradientRows(places[2], stride: headWidth),
                    gradients: layouts.indices.map { stream in
                        AttendedGradient(
                            keys: GradientRows(keyPlaces[2] + firsts[stream] * headWidth, stride: headWidth),
                            values: GradientRows(target(stream) + 2 * width, stride: 3 * width))
                    })
                rotateBackward(queries, of: answered, queryNorm, places[2], into: target(answered), sums)
                for stream in layouts.indices {
                    rotateBackward(
                        keys[stream], of: stream, keyNorm, keyPlaces[2] + firsts[stream] * headWidth,
                        into: target(stream) + width, sums + headWidth)
                }
            }
        }
        for (norm, offset) in [(queryNorm, 0), (keyNorm, headWidth)] {
            norm.node?.accumulateFromZero { pointer in
                pn_column_sums(own.items, headWidth, 2 * headWidth, normGradients.pointer + offset, pointer)
            }
        }
        return gradients
    }

    /// Computes the gradient of rows before `rotate`, and adds that of the weight to `sums`.
    private func rotateBackward(
        _ source: Rows, of stream: Int, _ weight: Tensor, _ upstream: UnsafeMutablePointer<Float>,
        into target: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Float>
    ) {
        pn_rotary_halves_norm_backward(
            layouts[stream].tokens, headWidth, source.stride, epsilon, source.pointer, weight.pointer,
            tables[stream].pointer, upstream, 3 * width, target, sums)
    }
}

/// Cosines and sines of the rotary angles of a grid of patches at whole places from 0: the first half of the angles turns
/// with the row of a patch, the second with its column.
///
/// - Parameters:
///   - rows: number of patches from top to bottom.
///   - columns: number of patches from left to right.
///   - headWidth: the width d of a head, a multiple of 4.
///   - theta: the base of the rates: angle i of either half turns by theta^(-4 i / d) from one place to the next.
/// - Returns: [rows * columns, 2, d / 2], cosines and then sines.
public func rotaryTable(rows: Int, columns: Int, headWidth: Int, theta: Double) -> Tensor {
    precondition(headWidth % 4 == 0, "rotaryTable: a head width of \(headWidth) is not a multiple of 4")
    let (along, half) = (max(rows, columns), headWidth / 2)
    // Of each place: the cosines, and then the sines, of the angles along one axis.
    let places = rotaryTable(tokens: along, headWidth: half, theta: theta).values
    var values: [Float] = []
    values.reserveCapacity(rows * columns * headWidth)
    for row in 0..<rows {
        for column in 0..<columns {
            for part in 0..<2 {
                for place in [row, column] {
                    let first = place * half + part * half / 2
                    values += places[first..<first + half / 2]
                }
            }
        }
    }
    return Tensor(values, shape: [rows * columns, 2, half])
}
