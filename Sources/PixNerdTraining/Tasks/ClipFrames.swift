import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// The films of a folder, each a folder of frames in the order of their names.
struct ClipFrames: Sendable {
    /// The first frame of each film: a collection in which a film is one image.
    let films: ImageCollection
    private let frames: ImageCollection
    /// The places of a film's frames, by the name of its first frame.
    private let places: [String: Range<Int>]

    /// Finds the films below a folder.
    ///
    /// - Parameter least: fewest frames of a film.
    /// - Throws: `PixNerdError` if there are none, or one has fewer frames.
    init(below root: String, least: Int) throws {
        frames = try ImageCollection.pictures(below: root)
        var (firsts, places): ([Int], [String: Range<Int>]) = ([], [:])
        var start = 0
        let samples = frames.samples
        func folder(_ place: Int) -> String { (samples[place].name as NSString).deletingLastPathComponent }
        while start < samples.count {
            var end = start + 1
            while end < samples.count, folder(end) == folder(start) { end += 1 }
            guard end - start >= least else {
                throw PixNerdError(
                    .mismatch, "\(folder(start))", found: "has \(counted(end - start, "frame"))",
                    expected: "at least \(least) in the folder of each film",
                    advice: "remove it, or decrease video.frames")
            }
            firsts.append(start)
            places[samples[start].name] = start..<end
            start = end
        }
        self.places = places
        films = frames.subset(firsts)
    }

    /// The pixels of some frames in a row, 8-bit RGB.
    ///
    /// - Parameters:
    ///   - film: the first frame of the film.
    ///   - count: number of frames, at most those of the film.
    ///   - draw: chooses the first of them among a number of frames.
    /// - Throws: `PixNerdError` if one of them cannot be read, or is of another size than the film's first.
    func pixels(
        of film: ImageCollection.Sample, count: Int, size: ImageSize, decoding: PictureDecoding,
        from draw: (_ choices: Int) -> Int
    ) throws -> LoadedBatch {
        guard let places = places[film.name], places.count >= count else {
            throw PixNerdError(.notFound, "\(film.name)", found: "is not the first frame of a film any more")
        }
        let first = places.lowerBound + draw(places.count - count + 1)
        let reader = CropReader(frames, imageSize: size, decoding: decoding)
        let own = try reader.storedSize(places.lowerBound)
        for place in first..<first + count {
            let found = try reader.storedSize(place)
            guard found == own else {
                throw PixNerdError(
                    .mismatch, "\(reader.name(at: place))", found: "is \(found.text)",
                    expected: "\(own.text), as the first frame of its film")
            }
        }
        var reason = ""
        guard let batch = reader.read(first..<first + count, unreadable: { reason = $0 }), batch.count == count else {
            throw PixNerdError(.malformed, "\(film.name)", found: "belongs to a film that cannot be read: \(reason)")
        }
        return batch
    }
}
