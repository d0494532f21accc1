import Foundation

/// A duration in seconds as hours, minutes and seconds, such as "1:02:03" or "2:03".
package func durationText(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    let tail = String(format: "%02d", whole % 60)
    return hours > 0 ? "\(hours):\(String(format: "%02d", minutes)):\(tail)" : "\(minutes):\(tail)"
}
