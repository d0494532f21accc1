/// The classes of images of which each may have several, or none at all, in a few bytes each.
public struct LabelSets: Sendable, Equatable {
    /// The classes of the images, one image after another.
    private var labels: [Int32] = []
    /// The end of each image's classes in `labels`.
    private var ends: [Int] = []

    /// - Parameter sets: the classes of each image, ascending.
    init(_ sets: some Sequence<[Int]>) {
        for set in sets {
            labels += set.map(Int32.init)
            ends.append(labels.count)
        }
    }

    /// Number of images.
    public var count: Int { ends.count }

    /// The classes of an image, ascending.
    ///
    /// - Parameter image: an index into the collection's `samples`.
    public subscript(image: Int) -> [Int] {
        labels[(image == 0 ? 0 : ends[image - 1])..<ends[image]].map(Int.init)
    }

    /// The classes with other numbers.
    ///
    /// - Parameter labels: the new number of each class.
    func relabelled(_ labels: [Int]) -> LabelSets {
        LabelSets((0..<count).map { Set(self[$0].map { labels[$0] }).sorted() })
    }

    /// The classes of some of the images, in their order.
    func of(_ images: some Sequence<Int>) -> LabelSets { LabelSets(images.map { self[$0] }) }
}
