import Foundation
import Reports
import Testing
import Training

/// Reports in a headless Chromium: nothing fails, nothing is asked for, every chart is drawn, at both widths, light and
/// dark.
///
/// With GRIDLESS_SCREENSHOTS naming a folder, the pages' pictures are left there.
@Suite(.enabled(if: Browser.missing == nil, "\(Browser.missing ?? "")"), .serialized) struct BrowserTests {
  @Test func everyPageIsWhole() throws {
    let fixture = try Fixture()
    let raced = try fixture.raced()
    try fixture.writeTable("values.csv", values: true)
    try fixture.run("values", data: "values.csv")
    let study = fixture.place("study")
    try StudyFixture().write(to: study, run: raced)
    let pages = [
      ("run", raced), ("many", try fixture.manyClasses(raced)), ("values", fixture.place("values")), ("study", study),
    ]
    let browser = try Browser()
    for (name, folder) in pages {
      let page = try Report(folder).write()
      for width in [400, 1400] {
        for dark in [false, true] {
          try browser.visit(page, width: width, dark: dark)
          try check(browser, "\(name) at \(width), \(dark ? "dark" : "light")", page: page)
          if let folder = ProcessInfo.processInfo.environment["GRIDLESS_SCREENSHOTS"] {
            let file = "\(folder)/\(name)-\(width)-\(dark ? "dark" : "light").png"
            try browser.screenshot().write(to: URL(fileURLWithPath: file))
          }
        }
      }
    }
  }

  private func check(_ browser: Browser, _ comment: String, page: String) throws {
    let root = "document.documentElement"
    try browser.wait(
      for:
        "document.readyState === 'complete' && \(root).dataset.figures > 0 && \(root).dataset.drawn === \(root).dataset.figures"
    )
    #expect(browser.errors.isEmpty, "\(comment): \(browser.errors)")
    #expect(
      browser.requests.allSatisfy { $0.hasPrefix("file://") || $0.hasPrefix("data:") },
      "\(comment): \(browser.requests)")
    #expect(browser.requests.filter { $0.hasPrefix("file://") }.count == 1, "\(comment): \(browser.requests)")
    #expect(try browser.evaluate("\(root).dataset.error ?? ''") as? String == "", "\(comment)")
    // Each chart has marks of its own, and words.
    let marks = try browser.evaluate(
      "[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('svg path').length * Math.min(1, c.querySelectorAll('svg text').length))"
    )
    #expect(try #require(marks as? [Int]).allSatisfy { $0 > 3 }, "\(comment): \(marks ?? "")")
    // Nothing is wider than the page, and no dangerous name became markup.
    #expect(try browser.evaluate("\(root).scrollWidth <= innerWidth") as? Bool == true, "\(comment)")
    #expect(
      try browser.evaluate("document.title === 'broken' || document.querySelector('img[src=x]') !== null") as? Bool
        == false)
    // Numbers as CSV and as a table.
    let lines = try browser.evaluate(
      "[...document.querySelectorAll('figure')].map(f => f.csv().trim().split('\\r\\n').length)")
    #expect(try #require(lines as? [Int]).allSatisfy { $0 > 1 }, "\(comment): \(lines ?? "")")
    let rows = try browser.evaluate(
      "(() => { const d = document.querySelector('figure details'); d.open = true; d.dispatchEvent(new Event('toggle')); const n = d.querySelectorAll('tr').length; d.open = false; return n })()"
    )
    #expect(try #require(rows as? Int) > 1)
    try checkContrast(browser, comment)
  }

  /// Text has the contrast of WCAG 2.2's level AA (1.4.3), and the series' colours that of graphics (1.4.11).
  private func checkContrast(_ browser: Browser, _ comment: String) throws {
    let script = """
      (() => {
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
          const hex = style.getPropertyValue('--' + name).trim();
          const parts = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
          return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        };
        const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
        const text = ['ink', 'soft', 'accent'].flatMap(t => ['page', 'card', 'good'].map(b => ratio(t, b)));
        const marks = [1, 2, 3, 4, 5, 6, 7, 8].map(i => ratio('c' + i, 'card'));
        return [Math.min(...text), Math.min(...marks), ratio('heatink0', 'heat0'), ratio('heatink1', 'heat1')];
      })()
      """
    let found = try #require(try browser.evaluate(script) as? [Double])
    #expect(found[0] >= 4.5 && found[1] >= 3 && found[2] >= 4.5 && found[3] >= 4.5, "\(comment): \(found)")
  }
}
