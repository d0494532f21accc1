import Foundation
import Hummingbird

/// The page and its parts, which are built into the program.
enum StudioAssets {
    private static let files: [String: (bytes: [UInt8], type: String)] = [
        "/": (PackageResources.page_html, "text/html; charset=utf-8"),
        "/page.css": (PackageResources.page_css, "text/css; charset=utf-8"),
        "/openapi.json": (PackageResources.openapi_json, "application/json"),
    ].merging(scripts.mapValues { ($0, "text/javascript; charset=utf-8") }) { own, _ in own }

    private static let scripts: [String: [UInt8]] = [
        "/api.js": PackageResources.api_js,
        "/charts.js": PackageResources.charts_js,
        "/compare.js": PackageResources.compare_js,
        "/control.js": PackageResources.control_js,
        "/curves.js": PackageResources.curves_js,
        "/data.js": PackageResources.data_js,
        "/dom.js": PackageResources.dom_js,
        "/gallery.js": PackageResources.gallery_js,
        "/heatmap.js": PackageResources.heatmap_js,
        "/jobs.js": PackageResources.jobs_js,
        "/models.js": PackageResources.models_js,
        "/page.js": PackageResources.page_js,
        "/picture.js": PackageResources.picture_js,
        "/previews.js": PackageResources.previews_js,
        "/run.js": PackageResources.run_js,
        "/sample.js": PackageResources.sample_js,
        "/start.js": PackageResources.start_js,
        "/train.js": PackageResources.train_js,
        "/viewer.js": PackageResources.viewer_js,
    ]

    /// Whether anyone may read what is at a path: it is the same for all.
    static func isPublic(_ path: String) -> Bool { files[path] != nil }

    /// Adds the routes of all files.
    static func add(to router: Router<some RequestContext>) {
        for (path, file) in files {
            router.get(RouterPath(path)) { request, _ in
                var response = Response.bytes(file.bytes, type: file.type)
                response.headers[.cacheControl] = "no-cache"
                return response
            }
        }
    }
}
