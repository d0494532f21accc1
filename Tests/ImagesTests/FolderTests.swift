import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Which files a picture folder holds, in which order, and what is said when it is not laid out as expected.
@Suite struct FolderTests {
    @Test func takesTorchvisionsOrder() throws {
        let folder = try TemporaryFolder()
        // By code points capitals come first, and "é" as one character after the plain letters.
        for name in [
            "b/2.png", "b/10.JPG", "b/1.jpeg", "a/x.png", "a/deep/y.png", "a/deep-er/z.png", "a/deep/er/w.png",
            "B/1.png", "\u{E9}/1.png", "e\u{301}/1.png", "z/1.JPEG",
        ] {
            try folder.write([], to: name)
        }
        let found = try ImageFolder(root: folder.path)
        let classes = ["B", "a", "b", "e\u{301}", "z", "\u{E9}"]
        #expect(found.classes.map { Array($0.utf8) } == classes.map { Array($0.utf8) })
        let inside = found.samples.map { String($0.path.dropFirst(folder.path.count + 1)) }
        #expect(
            inside.prefix(8) == [
                "B/1.png", "a/x.png", "a/deep/y.png", "a/deep-er/z.png", "a/deep/er/w.png", "b/1.jpeg", "b/10.JPG",
                "b/2.png",
            ])
        #expect(found.samples.map(\.label) == [0, 1, 1, 1, 1, 2, 2, 2, 3, 4, 5])
        #expect(found.unsupported.isEmpty)
    }

    @Test func leavesOutWhatIsNoPictureAndCountsOtherKinds() throws {
        let folder = try TemporaryFolder()
        for name in [
            "cat/1.png", "cat/2.avif", "cat/3.AVIF", "cat/4.gif", "cat/notes.txt", "cat/README", "cat/.hidden.png",
            ".ipynb_checkpoints/1.png", "labels.csv",
        ] {
            try folder.write([], to: name)
        }
        let found = try ImageFolder(root: folder.path + "/")
        #expect(found.classes == ["cat"])
        #expect(found.samples == [ImageCollection.Sample(path: folder.path + "/cat/1.png", label: 0)])
        #expect(found.unsupported == ["avif": 2, "gif": 1])
    }

    @Test func followsLinksButNotInCircles() throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "elsewhere/1.png")
        try folder.write([], to: "root/a/0.png")
        let manager = FileManager.default
        let root = folder.path + "/root"
        try manager.createSymbolicLink(atPath: root + "/b", withDestinationPath: folder.path + "/elsewhere")
        try manager.createSymbolicLink(atPath: root + "/a/again", withDestinationPath: root)
        try manager.createSymbolicLink(atPath: root + "/a/broken", withDestinationPath: "nowhere")
        let found = try ImageFolder(root: root)
        #expect(found.classes == ["a", "b"])
        #expect(found.samples.map(\.path) == ["/a/0.png", "/a/again/b/1.png", "/b/1.png"].map { root + $0 })
    }

    @Test(arguments: [
        ([], "holds neither folders nor an image; expected one folder for each class"),
        (["notes.txt"], "holds neither folders nor an image; expected one folder for each class"),
        (["1.avif", "2.gif"], "nor an image, only 1 .avif and 1 .gif (convert those); expected"),
        (["a.tar"], "holds no folders but 1 tar file; name the shards themselves, such as"),
        (["dog/1.png", "cat/notes.txt"], "/cat holds no image; put pictures in it or remove it."),
        (["cat/1.avif", "cat/2.gif"], "/cat holds no image, only 1 .avif and 1 .gif (convert those);"),
    ])
    func saysWhatIsWrong(files: [String], complaint: String) throws {
        let folder = try TemporaryFolder()
        for file in files { try folder.write([], to: file) }
        let error = #expect(throws: PixNerdError.self) { try ImageFolder(root: folder.path) }
        let message = try #require(error).description
        #expect(message.contains(folder.path) && message.contains(complaint), "\(message)")
    }

    /// A folder of pictures without class folders is one class, named after the folder however its path is written.
    @Test func picturesWithoutClassFolders() throws {
        let folder = try TemporaryFolder()
        for name in ["10.png", "2.JPG", "B.jpeg", "3.gif", "a.txt", "old.zip", ".b.png"] {
            try folder.write([], to: "my pictures/\(name)")
        }
        let root = folder.path + "/my pictures"
        for spelling in [root, root + "/", root + "/.", folder.path + "/./my pictures/../my pictures//"] {
            let found = try ImageFolder(root: spelling)
            #expect(found.classes == ["my pictures"])
            #expect(found.samples.allSatisfy { $0.label == 0 })
            #expect(found.samples.map { $0.path.split(separator: "/").last } == ["10.png", "2.JPG", "B.jpeg"])
            #expect(found.unsupported == ["gif": 1])
        }
        let collection = try ImageCollection.open(root: root)
        #expect(collection.labelling == "no labels: no class folders")
        #expect(
            collection.remarks.dropFirst() == [
                "1 text file beside the images is only read if captions are asked for: \(root)/a.txt.",
                "1 archive or table beside the images is not read: \(root)/old.zip.",
            ])
        // With a folder beside them they belong to no class, as ever.
        try folder.write([], to: "my pictures/cats/1.png")
        #expect(try ImageFolder(root: root).classes == ["cats"])
        #expect(try ImageFolder(root: root).leftOut.unclassed.count == 4)
    }

    /// Arrays that are the images are not said to be left out.
    @Test func arraysWithoutClassFolders() throws {
        let folder = try TemporaryFolder()
        for name in ["1.npy", "2.npy", "a.csv", "old.npz"] { try folder.write([], to: name) }
        let found = try ImageCollection.open(root: folder.path)
        #expect(found.samples.count == 2)
        #expect(
            found.remarks == ["1 archive or table beside the images is not read: \(folder.path)/old.npz."])
    }

    @Test func aMissingFolderAndAFileAreNamed() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write([], to: "file")
        let missing = #expect(throws: PixNerdError.self) { try ImageFolder(root: folder.path + "/missing") }
        #expect(missing?.description.contains("/missing cannot be opened: No such file or directory") == true)
        let notAFolder = #expect(throws: PixNerdError.self) { try ImageFolder(root: file) }
        #expect(notAFolder?.description.contains("\(file) is a file") == true)
    }
}
