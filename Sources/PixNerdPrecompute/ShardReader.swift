import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Reads a directory of numbers that were computed ahead.
///
/// For one thread at a time.
package final class ShardReader<Manifest: ShardManifest> {
    package let path: String
    package let manifest: Manifest
    private let pictures: ImageCollection
    private var shards: [Int: Shard] = [:]

    /// An opened shard.
    private struct Shard {
        let file: SafetensorsFile
        /// The place of each picture of the collection, in ascending order.
        let places: [Int]
        let columns: [(rows: StoredElements, fingerprints: [Int])]
    }

    /// Opens the directory and checks that it is complete and of these pictures.
    ///
    /// - Parameter key: of the configuration, which named the directory.
    // Never inlined: see MappedFile.
    @inline(never)
    package init(path: String, pictures: ImageCollection, key: String) throws {
        self.path = path
        self.pictures = pictures
        guard let manifest = try Manifest.read(in: path) else {
            throw TrainingError(
                "\(path) holds no \(Manifest.subject).json; name a directory that \(Manifest.command) made, or leave "
                    + "\(key) empty.")
        }
        self.manifest = manifest
        guard manifest.pictures == pictures.samples.count, manifest.names == pictures.namesFingerprint else {
            throw TrainingError(
                "\(path) holds \(Manifest.subject) of other pictures (\(manifest.pictures)) than \(pictures.root) has "
                    + "(\(pictures.samples.count)); make them anew with \(Manifest.command).")
        }
        let missing = (0..<manifest.shards).lazy.map { Manifest.shardPath($0, in: path) }
            .first { !FileManager.default.fileExists(atPath: $0) }
        if let missing {
            throw TrainingError("\(missing) is missing; the same \(Manifest.command) completes the directory.")
        }
    }

    /// The rows of a batch's pictures, each from the column that was made from the same pixels: [B, ...].
    ///
    /// - Throws: `TrainingError` where a picture is not one that the numbers were made from.
    package func rows(of batch: LoadedBatch) throws -> Tensor {
        let fingerprints = batch.fingerprints
        return try rows(at: batch.indices) { picture, shard, row in
            let column = shard.columns.firstIndex {
                UInt64(bitPattern: Int64($0.fingerprints[row])) == fingerprints[picture]
            }
            guard let column else { throw self.otherPicture(batch.indices[picture]) }
            return column
        }
    }

    /// The rows of a column at some places of the collection, whatever its pictures are by now; without those that could
    /// not be read.
    package func rows(at places: [Int], column: Int) throws -> Tensor? {
        let places = try places.filter { place in
            try shard(of: place).places.contains(place)
        }
        return places.isEmpty ? nil : try rows(at: places) { _, _, _ in column }
    }

    /// - Parameter column: told which of the pictures, its shard, and its row in it.
    private func rows(
        at places: [Int], column: (_ picture: Int, _ shard: Shard, _ row: Int) throws -> Int
    ) throws -> Tensor {
        let shape = manifest.columns[0].shape
        let size = manifest.columns[0].count
        var rows = Tensor(uninitialized: [places.count] + shape)
        try rows.withUnsafeMutableBuffer { rows in
            for (picture, place) in places.enumerated() {
                let shard = try shard(of: place)
                guard let row = shard.places.firstIndex(of: place) else { throw otherPicture(place) }
                shard.columns[try column(picture, shard, row)].rows.floats(
                    from: row * size,
                    into: UnsafeMutableBufferPointer(rebasing: rows[picture * size..<(picture + 1) * size]))
            }
        }
        return rows
    }

    private func otherPicture(_ place: Int) -> TrainingError {
        TrainingError(
            "\(path): \(pictures.samples[place].name) is not the picture that its \(Manifest.subject) were made from; "
                + "make them anew with \(Manifest.command).")
    }

    private func shard(of place: Int) throws -> Shard {
        let index = place / manifest.picturesPerShard
        if let shard = shards[index] { return shard }
        let file = try SafetensorsFile(path: Manifest.shardPath(index, in: path))
        let places = try file.integers(ShardFile.places)
        let columns = try manifest.columns.map { column in
            let (rows, fingerprints) = (
                try file.elements(of: column.name), try file.integers(column.fingerprints)
            )
            guard rows.shape == [places.count] + column.shape, fingerprints.count == places.count else {
                throw TrainingError(
                    "\(file.path) holds \(column.name) of the shape \(rows.shape), which is not what "
                        + "\(Manifest.subject).json says; make the \(Manifest.subject) anew.")
            }
            return (rows, fingerprints)
        }
        let shard = Shard(file: file, places: places, columns: columns)
        shards[index] = shard
        return shard
    }
}

package enum ShardFile {
    /// The tensor of a shard that says which pictures its rows are of.
    package static let places = "places"
}
