using System.Text.Json;

namespace RpcNet.LoadTest.Children;

/// <summary>
/// How the coordinator and its children talk: a line is a word, a space, and JSON. Commands come on standard input,
/// events go to standard output; a child ends when its input ends, so none outlives its coordinator.
/// </summary>
internal static class LineProtocol
{
    public const string Ready = "ready";
    public const string Meter = "meter";
    public const string Collect = "collect";
    public const string Run = "run";
    public const string Begin = "begin";
    public const string Measured = "measured";
    public const string End = "end";
    public const string Hold = "hold";
    public const string Release = "release";
    public const string Failed = "failed";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static string Format<T>(string word, T value) => $"{word} {JsonSerializer.Serialize(value, Json)}";

    public static (string Word, string Json) Split(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        return space < 0 ? (line, "null") : (line[..space], line[(space + 1)..]);
    }

    public static T Parse<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Json) ?? throw new FormatException($"'{json}' is no {typeof(T).Name}.");

    public static void Send<T>(string word, T value)
    {
        Console.Out.WriteLine(Format(word, value));
        Console.Out.Flush();
    }
}
