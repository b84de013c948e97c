using System.Collections.Concurrent;
using RpcNet.Transports.Tests.Conformance;

[assembly: AssemblyFixture(typeof(EngineReport))]

namespace RpcNet.Transports.Tests.Conformance;

/// <summary>Prints at the end of the run which engines the conformance suite exercised and why it skipped the others.</summary>
public sealed class EngineReport : IDisposable
{
    private static readonly ConcurrentDictionary<string, string> Engines = new();

    public static void Exercised(string engine) => Engines[engine] = "exercised";

    public static void Skipped(string engine, string reason) => Engines[engine] = $"skipped: {reason}";

    public void Dispose()
    {
        foreach (var (engine, outcome) in Engines.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"transport conformance: {engine}: {outcome}");
        }
    }
}
