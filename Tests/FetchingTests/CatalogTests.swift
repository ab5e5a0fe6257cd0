import Foundation
import Testing

import Fetching

@Suite struct CatalogTests {
  @Test func whatIsOfficialIsWhole() throws {
    let catalog = try Catalog(environment: [:])
    #expect(Set(catalog.assets.map(\.name)).count == catalog.assets.count)
    let fetcher = try Fetcher(environment: ["HOME": "/home/a"])
    for asset in catalog.assets {
      #expect(!asset.terms.isEmpty && !asset.title.isEmpty)
      for file in asset.files {
        #expect(try fetcher.address(of: file).absoluteString == file.url)
        #expect(file.bytes > 0 && !file.name.isEmpty)
        // The rule of torch.hub: the digits stand between the name's last - and its suffix.
        let isNamed = file.name.hasSuffix("-\(file.checksum.digits).pth") && file.checksum.digits.count == 8
        #expect(asset.isDataset ? file.checksum.digits.count == 32 : isNamed, "\(file.name)")
      }
    }
    #expect(catalog.checkpoint(of: "resnet50")?.files.first?.name == "resnet50-11ad3fa6.pth")
    #expect(catalog.checkpoint(of: "cifar10") == nil && catalog.checkpoint(of: "resnet8") == nil)
    let error = #expect(throws: FetchError.self) { try catalog.asset(named: "resnet51") }
    #expect(error?.description.contains("resnet50, resnet50_v1") == true)
  }

  @Test func checkpointsLieWhereTorchHubHasThem() throws {
    let asset = try Catalog(environment: [:]).asset(named: "resnet18")
    for (environment, folder) in [
      (["HOME": "/h"], "/h/.cache/torch"), (["HOME": "/h", "XDG_CACHE_HOME": "/x"], "/x/torch"),
      (["HOME": "/h", "XDG_CACHE_HOME": "/x", "TORCH_HOME": "/t"], "/t"),
      (["HOME": "/h", "TORCH_HOME": ""], "/h/.cache/torch"),
    ] {
      let place = try Fetcher(environment: environment).place(of: asset)
      #expect(place == "\(folder)/hub/checkpoints/resnet18-f37072fd.pth")
    }
    let data = try Catalog(environment: [:]).asset(named: "pets")
    #expect(try Fetcher(environment: [:]).place(of: data) == "data/pets")
    #expect(try Fetcher(environment: [:]).place(of: data, folder: "/d/p//") == "/d/p")
  }

  @Test func mirrors() throws {
    let file = RemoteFile(url: "https://a.example/b/c.pth?d=1", bytes: 1, checksum: .md5("900150983cd24fb0"))
    func address(_ mirror: String, _ environment: [String: String] = [:]) throws -> String {
      try Fetcher(mirror: mirror, environment: environment).address(of: file).absoluteString
    }
    #expect(try address("http://m.example:81") == "http://m.example:81/b/c.pth?d=1")
    #expect(try address("https://m.example/torch/") == "https://m.example/torch/b/c.pth?d=1")
    let named = try Fetcher(environment: [Fetcher.mirrorVariable: "http://n.example"])
    #expect(try named.address(of: file).absoluteString == "http://n.example/b/c.pth?d=1")
    for text in ["m.example", "ftp://m.example", "http://", ""] {
      #expect(throws: FetchError.badMirror(text)) { try Fetcher(mirror: text, environment: [:]) }
    }
  }

  @Test func sizesThatNoFileHasAreRefused() throws {
    func decode(_ bytes: String) throws -> RemoteFile {
      let json = "{\"url\": \"https://a.example/b\", \"bytes\": \(bytes), \"checksum\": \"md5:900150983cd24fb0\"}"
      return try JSONDecoder().decode(RemoteFile.self, from: Data(json.utf8))
    }
    #expect(try decode("5").bytes == 5)
    for bytes in ["-1", "9223372036854775807"] { #expect(throws: DecodingError.self) { try decode(bytes) } }
    #expect(megabytes(.max).hasSuffix(" MB"))
  }

  @Test func aCatalogueOfOnesOwn() throws {
    let place = try Place()
    let assets = try [checkpoint(noise(10))]
    try place.write("own.json", JSONEncoder().encode(assets))
    #expect(try Catalog(environment: [Catalog.variable: "\(place.path)/own.json"]).assets == assets)
    try place.write("bad.json", Data("[{}]".utf8))
    for name in ["bad.json", "absent.json"] {
      let error = #expect(throws: FetchError.self) {
        try Catalog(environment: [Catalog.variable: "\(place.path)/\(name)"])
      }
      #expect(error?.description.hasPrefix("\(place.path)/\(name): not a catalogue") == true)
    }
  }
}
