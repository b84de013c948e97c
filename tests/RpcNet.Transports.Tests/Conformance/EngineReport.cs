using System.Collections.Concurrent;
using System.Net.Quic;
using System.Net.Sockets;
using System.Security.Authentication;
using RpcNet.Transports.Tests.Conformance;

[assembly: AssemblyFixture(typeof(EngineReport))]

namespace RpcNet.Transports.Tests.Conformance;

/// <summary>
/// Prints at the end of the run which engines the conformance suite exercised and why it skipped the others, and fails the
/// run when an engine left a native error that nobody observed.
/// </summary>
public sealed class EngineReport : IDisposable
{
    private static readonly ConcurrentDictionary<string, string> Engines = new();

    private readonly ConcurrentQueue<Exception> _unobserved = new();

    public EngineReport() => TaskScheduler.UnobservedTaskException += OnUnobserved;

    public static void Exercised(string engine) => Engines[engine] = "exercised";

    public static void Skipped(string engine, string reason) => Engines[engine] = $"skipped: {reason}";

    public void Dispose()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException -= OnUnobserved;
        foreach (var (engine, outcome) in Engines.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"transport conformance: {engine}: {outcome}");
        }

        if (!_unobserved.IsEmpty)
        {
            throw new AggregateException("Nobody observed these errors of an engine.", _unobserved);
        }
    }

    // A test may let go of a TransportException; the errors that engines map to it must not get away.
    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        foreach (var inner in e.Exception.Flatten().InnerExceptions)
        {
            if (inner is QuicException or SocketException or AuthenticationException or ObjectDisposedException && !IsLateVerdict(inner))
            {
                _unobserved.Enqueue(inner);
            }
        }
    }

    // System.Net.Quic hands even a verdict on a connection that has ended to msquic, on a task that it lets go of. A validator that
    // outlasts the handshake time-out provokes it, and nobody else could observe it.
    private static bool IsLateVerdict(Exception e) =>
        e is ObjectDisposedException && e.StackTrace?.Contains("StartAsyncCertificateValidation", StringComparison.Ordinal) == true;
}
