import PixNerdImages
import PixNerdModels
import PixNerdSupport

extension Configuration {
    /// The images, and what belongs to them.
    static let dataKeys: [ConfigurationKey<Configuration>] = [
        .path(
            "data.root", \.data.root,
            "folder of images, or with one folder of images per class, or a .zip of one, or shards-{000..099}.tar"),
        .path(
            "data.labels", \.data.labels,
            "file of labels (.csv, .jsonl or .json) relative to data.root; folders for class folders, none for one class; "
                + "empty for what is found"),
        ConfigurationKey(
            "data.label_key", \.data.labelKey, "column or key of the labels; empty for label"),
        ConfigurationKey(
            "data.values", \.data.values,
            "columns or keys with numbers that the model is told of each image, such as [age, zoom]",
            limits: "without duplicates, at most \(SizeLimits.values), or an empty list"
        ) { $0.count <= SizeLimits.values && Set($0).count == $0.count && !$0.contains("") },
        ConfigurationKey(
            "data.image_size", \.data.imageSize,
            "side in pixels that images are cropped and scaled to, or HEIGHTxWIDTH; with data.buckets the usual size",
            limits: "from 1 to \(SizeLimits.side), or HEIGHTxWIDTH such as 64x96", where: \.isPossible),
        ConfigurationKey(
            "data.buckets", \.data.buckets,
            "sizes such as [64x64, 48x80, 80x48], of which each image takes the one that cuts away least; area for all "
                + "shapes of the area of data.image_size; empty for one size",
            limits: "that have sides from 1 to \(SizeLimits.side), all different"
        ) { $0.areSizesPossible },
        ConfigurationKey(
            "data.channels", \.data.channels,
            "channels of the images: auto, grey, rgb, rgba, or a number of channels that are no colours",
            limits: "that is auto, grey, rgb, rgba, or from 1 to \(ImageFile.maximumChannels)"
        ) { $0 == "auto" || PixelFormat.Channels($0) != nil },
        ConfigurationKey(
            "data.range", \.data.range,
            "stored values that become -1 and 1, such as [0, 4095]; empty for the whole range of 8 or 16 bits",
            limits: "that is two numbers, the lower one first, or an empty list"
        ) { $0.isEmpty || $0.count == 2 && $0.allSatisfy(\.isFinite) && $0[0] < $0[1] },
        ConfigurationKey(
            "data.exif", \.data.exif, "apply the orientation that EXIF gives, or ignore it"),
        .count("data.workers", \.data.workers, 1...SizeLimits.threads, "threads that decode images ahead of training")
            .harmless(),
        .count(
            "data.prefetch_batches", \.data.prefetchBatches, 1...SizeLimits.batch, "maximum number of decoded batches"
        ).harmless(),
        .count(
            "data.prefetch_megabytes", \.data.prefetchMegabytes, 1...SizeLimits.megabytes,
            "maximum memory of decoded batches"
        ).harmless(),
        ConfigurationKey(
            "data.crop", \.data.crop,
            "center (ADM's), random (ADM's), resized (torchvision's RandomResizedCrop), or none, which pads the whole image"
        ),
        ConfigurationKey("data.flip", \.data.flip, "mirror half of the images"),
        .number(
            "data.augment", \.data.augment, in: 0...1,
            "probability of each transform of an image that the model is told of, such as 0.12, for small data; 0 for none"
        ),
        ConfigurationKey(
            "data.augment_only", \.data.augmentOnly, "transforms to draw from",
            limits: "without duplicates"
        ) { !$0.isEmpty && Set($0).count == $0.count },
        .path(
            "data.condition", \.data.condition,
            "what the model reads beside the noisy pixels: grey, small or masked images, or the folder of pictures with the "
                + "names of the images; empty for nothing"),
        .count(
            "data.condition_scale", \.data.conditionScale, PictureInput.scales,
            "how many times smaller the pictures of data.condition: small are"),
        .number(
            "data.holdout", \.data.holdout, in: 0...0.5,
            "share of the images to keep from training and measure the loss of, such as 0.05, for small data; 0 for none"
        ),
        .path(
            "data.holdout_root", \.data.holdoutRoot,
            "folder or shards of images with the same classes to measure the loss of, instead of a share"
        ).harmless(),
        ConfigurationKey(
            "data.fast_decode", \.data.fastDecode, "scale JPEGs down while decoding: faster, but other pixels"),
        ConfigurationKey(
            "data.caption_key", \.data.captionKey,
            "column of metadata.jsonl or .csv, or key of .json, with the captions; empty for text, caption or prompt"),
        ConfigurationKey(
            "data.caption_template", \.data.captionTemplate,
            "caption of a class folder's images, such as a photo of a {}; empty for captions beside the images",
            limits: "that contains {}, or empty"
        ) { $0.isEmpty || $0.contains("{}") },
        ConfigurationKey(
            "data.caption_newline", \.data.captionNewline, "keep the newline at the end of caption files"),
        ConfigurationKey(
            "data.skip_uncaptioned", \.data.skipUncaptioned, "leave out images without a caption"),
    ]
}
