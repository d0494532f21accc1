import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Reads a directory of numbers computed ahead of training.
///
/// Not thread-safe.
package final class ShardReader<Manifest: ShardManifest> {
    package let path: String
    package let manifest: Manifest
    private let pictures: ImageCollection
    private var shards: [Int: Shard] = [:]

    /// An opened shard.
    private struct Shard {
        let file: SafetensorsFile
        /// Indices in the collection of the images in this shard, ascending.
        let places: [Int]
        let columns: [(rows: StoredElements, fingerprints: [Int])]
    }

    /// Opens a directory and checks that it is complete and belongs to the images.
    ///
    /// - Parameter key: the configuration key that names the directory.
    /// - Throws: `PixNerdError` if the directory is incomplete or belongs to other images.
    // Never inlined: see MappedFile.
    @inline(never)
    package init(path: String, pictures: ImageCollection, key: String) throws {
        self.path = path
        self.pictures = pictures
        manifest = try Manifest.expect(in: path, advice: "correct \(key), or leave it empty")
        guard manifest.pictures == pictures.samples.count, manifest.names == pictures.namesFingerprint else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "holds \(Manifest.subject) of other images (\(manifest.pictures)) than \(pictures.root) "
                    + "(\(pictures.samples.count))", advice: "regenerate them with \(Manifest.command)")
        }
        try manifest.expectAllShards(in: path)
    }

    /// Rows [B, ...] for a batch, each from the column that was computed from the same pixels.
    ///
    /// - Throws: `PixNerdError` if an image is not one that the numbers were computed from.
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

    /// Rows of a column at some indices of the collection, without checking whether the images have changed; unreadable
    /// images are left out.
    package func rows(at places: [Int], column: Int) throws -> Tensor? {
        let places = try places.filter { place in
            try shard(of: place).places.contains(place)
        }
        return places.isEmpty ? nil : try rows(at: places) { _, _, _ in column }
    }

    /// - Parameter column: returns the column to read, given the index in the batch, the shard, and the row in the
    ///   shard.
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

    private func otherPicture(_ place: Int) -> PixNerdError {
        PixNerdError(
            .mismatch, "\(path):",
            found: "\(pictures.samples[place].name) is not the image that its \(Manifest.subject) were computed from",
            advice: "regenerate them with \(Manifest.command)")
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
                throw PixNerdError(
                    .mismatch, "\(file.path)",
                    found: "holds \(column.name) of shape \(rows.shape), which contradicts \(Manifest.subject).json",
                    advice: "regenerate the \(Manifest.subject)")
            }
            return (rows, fingerprints)
        }
        let shard = Shard(file: file, places: places, columns: columns)
        shards[index] = shard
        return shard
    }
}

package enum ShardFile {
    /// Name of the tensor with the collection indices of a shard's rows.
    package static let places = "places"
}
