import CTorch
import Foundation

/// What this process knows of libtorch: its version, where it lies, its threads, its GPUs.
public enum Runtime {
  /// The version whose headers Gridless was compiled against.
  public static var compiledVersion: String { String(cString: ct_compiled_version()) }

  /// The path of the loaded `libtorch_cpu.so`.
  public static var libraryPath: String? { ct_library_path().map { String(cString: $0) } }

  /// The version of the loaded library, from the `version.py` of the wheel that it lies in; nil if there is none.
  public static var loadedVersion: String? {
    guard let libraryPath else { return nil }
    let versionFile = URL(fileURLWithPath: libraryPath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("version.py")
    guard let text = try? String(contentsOf: versionFile, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("__version__") }
    return line?.split(separator: "'").dropFirst().first.map(String.init)
  }

  /// Prepares the process: memory allocator, threads, version check, CUDA's library if it lies beside libtorch.
  ///
  /// Call it before the first tensor; what runs one after the other in a process calls it again, and has its own
  /// settings: without `threads` ``defaultThreads``, and where `deterministic` operations that choose deterministic
  /// algorithms, or throw where there is none. Throws when the loaded libtorch is of another version than the one
  /// compiled against: the C++ ABI differs between versions, and a mix crashes.
  public static func start(threads: Int? = nil, deterministic: Bool = false) throws(TorchError) {
    if let loaded = loadedVersion, loaded.prefix(while: { $0 != "+" }) != compiledVersion {
      throw TorchError(
        "libtorch \(loaded) is loaded from \(libraryPath ?? "an unknown place"), but Gridless was compiled against \(compiledVersion). Point LD_LIBRARY_PATH at the lib folder of torch \(compiledVersion), or build again with LIBTORCH set to the one that you want."
      )
    }
    ct_configure_allocator()
    try setThreads(threads ?? defaultThreads)
    try check(ct_set_deterministic(deterministic))
    _ = cudaLoadError
  }

  /// Why CUDA's library was not loaded, as `dlerror` says it; nil if it was.
  ///
  /// It is loaded when this is first asked for.
  public static let cudaLoadError: String? = loadCUDA()

  /// libtorch_cuda.so lies beside libtorch_cpu.so in every CUDA wheel; it loads only where the driver's libraries are.
  private static func loadCUDA() -> String? {
    guard let libraryPath else { return "the loader does not tell where libtorch_cpu.so lies" }
    let path = URL(fileURLWithPath: libraryPath).deletingLastPathComponent()
      .appendingPathComponent("libtorch_cuda.so").path
    guard FileManager.default.fileExists(atPath: path) else { return "\(path) does not exist" }
    do {
      try check(ct_cuda_load(path))
      return nil
    } catch {
      return error.message
    }
  }

  /// The file by which NVIDIA's driver shows itself.
  package static let nvidiaDriver = "/dev/nvidiactl"

  /// Why a machine with NVIDIA's driver cannot use its GPU, as `dlerror` says it; nil if it can, or has no such driver.
  package static func unusableGPU(driver: String = nvidiaDriver) -> String? {
    FileManager.default.fileExists(atPath: driver) ? cudaLoadError : nil
  }

  /// The number of GPUs that CUDA reports; 0 without CUDA.
  public static func cudaDeviceCount() throws(TorchError) -> Int {
    guard cudaLoadError == nil else { return 0 }
    var count: Int32 = 0
    try check(ct_cuda_device_count(&count))
    return Int(count)
  }

  /// Threads that libtorch's operations use.
  public static var threads: Int { Int(ct_get_num_threads()) }

  /// Threads that they use where nobody has set another number: libtorch's own choice, one per core.
  public static let defaultThreads = threads

  /// Whether the processor multiplies bfloat16 matrices in hardware (AVX512-BF16 or AMX); elsewhere it is emulated.
  public static let hasBFloat16Instructions = ct_has_bfloat16_instructions()

  /// Sets the number of threads that operations use.
  public static func setThreads(_ count: Int) throws(TorchError) {
    // Found out before the first change.
    _ = defaultThreads
    try check(ct_set_num_threads(Int32(clamping: count)))
  }
}
