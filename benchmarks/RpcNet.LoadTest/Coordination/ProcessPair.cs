using RpcNet.LoadTest.Children;
using RpcNet.LoadTest.Measuring;
using RpcNet.LoadTest.Systems;

namespace RpcNet.LoadTest.Coordination;

/// <summary>The server and the client of one system, each in a process of its own.</summary>
internal sealed class ProcessPair : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(60);

    // A server collects as ASP.NET Core's template has it, a client as console programs do; all systems alike.
    private static readonly Dictionary<string, string> ServerEnvironment = new() { ["DOTNET_gcServer"] = "1" };
    private static readonly Dictionary<string, string> ClientEnvironment = [];

    private readonly ChildProcess _server;
    private readonly ChildProcess _client;

    private ProcessPair(ChildProcess server, ChildProcess client)
    {
        _server = server;
        _client = client;
    }

    /// <exception cref="ChildFailedException">One of them did not start.</exception>
    public static async Task<ProcessPair> StartAsync(LoadSystem system, CancellationToken cancellationToken)
    {
        var server = ChildProcess.Start($"The server of {system.Id}", ServerEnvironment, "server", system.Id);
        ChildProcess? client = null;
        try
        {
            var address = await server.ReceiveAsync<ServerAddress>(LineProtocol.Ready, StartTimeout, cancellationToken);
            client = ChildProcess.Start(
                $"The client of {system.Id}", ClientEnvironment, "client", system.Id, "--server", $"{address.Port},{address.Certificate}");
            await client.ReceiveAsync<string>(LineProtocol.Ready, StartTimeout, cancellationToken);
            return new ProcessPair(server, client);
        }
        catch
        {
            await server.DisposeAsync();
            if (client is not null)
            {
                await client.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Runs one window and reads both processes at both ends of its measured part.</summary>
    /// <exception cref="ChildFailedException">A process failed; the pair is of no more use.</exception>
    public async Task<PairResult> RunAsync(WorkOrder order, CancellationToken cancellationToken)
    {
        await _client.SendAsync(LineProtocol.Run, order);
        await _client.ReceiveAsync<bool>(LineProtocol.Begin, AnswerTimeout, cancellationToken);
        var before = await ReadServerAsync(LineProtocol.Meter, cancellationToken);
        await _client.ReceiveAsync<bool>(LineProtocol.Measured, TimeSpan.FromSeconds(order.Seconds) + AnswerTimeout, cancellationToken);
        var after = await ReadServerAsync(LineProtocol.Meter, cancellationToken);
        var result = await _client.ReceiveAsync<WindowResult>(LineProtocol.End, AnswerTimeout, cancellationToken);
        return new PairResult(result, before, after);
    }

    /// <summary>Opens idle connections, reads the server's memory before and with them, and closes them.</summary>
    /// <exception cref="ChildFailedException">A process failed; the pair is of no more use.</exception>
    public async Task<IdleResult> HoldAsync(int connections, TimeSpan settle, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var before = await ReadServerAsync(LineProtocol.Collect, cancellationToken);
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        await _client.SendAsync(LineProtocol.Hold, connections);
        await _client.ReceiveAsync<int>(LineProtocol.Hold, timeout, cancellationToken);
        var elapsed = System.Diagnostics.Stopwatch.GetElapsedTime(started);
        await Task.Delay(settle, cancellationToken);
        var with = await ReadServerAsync(LineProtocol.Collect, cancellationToken);
        await _client.SendAsync(LineProtocol.Release, true);
        await _client.ReceiveAsync<bool>(LineProtocol.Release, timeout, cancellationToken);
        return new IdleResult(connections, elapsed.TotalSeconds, before, with);
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    private async Task<ProcessReading> ReadServerAsync(string command, CancellationToken cancellationToken)
    {
        await _server.SendAsync(command, true);
        return await _server.ReceiveAsync<ProcessReading>(command, AnswerTimeout, cancellationToken);
    }
}

/// <summary>One window as both processes saw it.</summary>
internal sealed record PairResult(WindowResult Client, ProcessReading ServerBefore, ProcessReading ServerAfter);

/// <summary>A server's memory before and with idle connections.</summary>
internal sealed record IdleResult(int Connections, double Seconds, ProcessReading Before, ProcessReading With);
