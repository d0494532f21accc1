import Foundation

/// A duration in seconds as hours, minutes and seconds, such as "1:02:03" or "2:03".
package func durationText(_ seconds: Double) -> String {
    // Estimates for absurd numbers of steps are finite too.
    let whole = seconds.isFinite ? Int(min(max(seconds, 0), 1e12).rounded()) : 0
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    let tail = String(format: "%02d", whole % 60)
    return hours > 0 ? "\(hours):\(String(format: "%02d", minutes)):\(tail)" : "\(minutes):\(tail)"
}
