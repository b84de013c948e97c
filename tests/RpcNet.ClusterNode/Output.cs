using System.Diagnostics;
using System.Globalization;

namespace RpcNet.ClusterNode;

/// <summary>Whole lines to standard output, each with the milliseconds since the start, whoever writes them.</summary>
internal static class Output
{
    private static readonly Stopwatch Clock = Stopwatch.StartNew();
    private static readonly Lock Gate = new();

    public static TimeSpan Elapsed => Clock.Elapsed;

    public static void Write(string line)
    {
        lock (Gate)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Clock.ElapsedMilliseconds} {line}"));
            Console.Out.Flush();
        }
    }
}
