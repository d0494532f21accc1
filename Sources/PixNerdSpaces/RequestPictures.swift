import PixNerdDiffusion
import PixNerdTensors

/// The pictures that a model is shown for each request, in the space that it works in.
public struct RequestPictures: Sendable {
    /// All pictures, [P, C, h, w].
    private let pictures: ShownPictures
    /// The picture of each request.
    private let places: [Int]

    /// - Parameter places: for each request the index of its picture.
    public init(_ pictures: ShownPictures, places: [Int]) {
        precondition(
            places.allSatisfy { (0..<pictures.tensor.shape[0]).contains($0) },
            "RequestPictures: there are \(pictures.tensor.shape[0]) pictures, and requests have \(places)")
        (self.pictures, self.places) = (pictures, places)
    }

    /// A batch's condition with the pictures of its requests.
    func shown(_ condition: any Condition, to requests: Range<Int>) -> any Condition {
        let own = requests.map { places[$0] }
        let tensor = Tensor.concatenated(own.map { pictures.tensor.rows($0..<$0 + 1) })
        return condition.showing(ShownPictures(tensor, strength: pictures.strength, times: pictures.times))
    }
}
