import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Pictures without classes, wherever they lie below a folder.
@Suite struct PictureListTests {
    @Test func picturesOfAllFoldersAreFoundInOrder() throws {
        let folder = try TemporaryFolder()
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        for name in ["b.png", "a.png", "deep/er/c.png", "deep/d.png", "notes.txt", "old.avif"] {
            try folder.write(png, to: name)
        }
        let found = try ImageCollection.pictures(below: folder.path)
        #expect(
            found.samples.map { String($0.name.dropFirst(folder.path.count + 1)) } == [
                "a.png", "b.png", "deep/d.png", "deep/er/c.png",
            ])
        #expect(found.unsupported == ["avif": 1])
        #expect(found.samples.allSatisfy { $0.label == 0 })
    }

    @Test func picturesAreReadInOrderAtTheirOwnSizes() throws {
        let folder = try TemporaryFolder()
        var pictures: [RGBImage] = []
        for index in 0..<9 {
            let picture = syntheticPicture(width: 4 + index, height: 6, kind: index % 2)
            pictures.append(picture)
            try folder.write(ImageFile.encodePNG(picture), to: "\(index).png")
        }
        try folder.write(Array("no picture".utf8), to: "4.png")
        let found = try ImageCollection.pictures(below: folder.path)
        let places = [8, 0, 4, 3, 3]
        let read = found.read(places)
        #expect(read.count == places.count)
        for (place, result) in zip(places, read) {
            switch result {
            case .success(let picture): #expect(place != 4 && picture == pictures[place])
            case .failure(let error): #expect(place == 4 && error.description.contains("4.png is not a picture"))
            }
        }
        #expect(found.read([]).isEmpty)
    }

    @Test func aFolderWithoutPicturesIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "old.gif")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.pictures(below: folder.path) }
        #expect(error?.description.contains("only 1 .gif") == true)
        let absent = #expect(throws: PixNerdError.self) { try ImageCollection.pictures(below: folder.path + "/absent") }
        #expect(absent?.description.contains("absent") == true)
    }

    /// The median of the shorter sides; what is no picture does not count.
    @Test func theUsualSideIsThatOfMostPictures() throws {
        let folder = try TemporaryFolder()
        for (index, (width, height)) in [(20, 30), (40, 12), (25, 24), (90, 80), (3, 2)].enumerated() {
            try folder.write(
                ImageFile.encodePNG(syntheticPicture(width: width, height: height, kind: 0)), to: "\(index).png")
        }
        try folder.write(Array("no picture".utf8), to: "5.png")
        // 2, 12, 20, 24, 80
        #expect(try ImageCollection.pictures(below: folder.path).usualSide == 20)
    }
}
