/// A command as it is typed into a shell.
public enum ShellCommand {
  /// The arguments, quoted where a shell would read them otherwise.
  public static func text(_ arguments: [String]) -> String {
    arguments.map { argument in
      let isPlain = !argument.isEmpty && argument.allSatisfy { $0.isLetter || $0.isNumber || "-_./=,:+%@".contains($0) }
      return isPlain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }
}
