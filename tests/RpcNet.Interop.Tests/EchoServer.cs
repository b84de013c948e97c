using System.Collections.Concurrent;
using RpcNet.Transports;

namespace RpcNet.Interop.Tests;

/// <summary>Accepts every connection of a listener and echoes every stream of it, until it is disposed.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _running = [];
    private readonly Task _accepting;

    public EchoServer(ITransportListener listener) => _accepting = AcceptAsync(listener);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        await Task.WhenAll(_running).WaitAsync(TimeSpan.FromSeconds(60));
        _stop.Dispose();
    }

    private async Task AcceptAsync(ITransportListener listener)
    {
        try
        {
            while (true)
            {
                _running.Add(ServeAsync(await listener.AcceptAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            // Asked for.
        }
    }

    private async Task ServeAsync(ITransportConnection connection)
    {
        await using (connection)
        {
            var streams = new ConcurrentDictionary<Task, byte>();
            try
            {
                while (true)
                {
                    var task = EchoAsync(await connection.AcceptStreamAsync(_stop.Token));
                    streams[task] = 0;
                    _ = task.ContinueWith(t => streams.TryRemove(t, out _), TaskScheduler.Default);
                }
            }
            catch (Exception e) when (e is TransportException or OperationCanceledException)
            {
                // The peer has gone, or the test is over.
            }

            await connection.DisposeAsync();
            await Task.WhenAll(streams.Keys);
        }
    }

    private async Task EchoAsync(ITransportStream stream)
    {
        await using (stream)
        {
            var buffer = new byte[16 << 10];
            try
            {
                int read;
                do
                {
                    read = await stream.ReadAsync(buffer, _stop.Token);
                    await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0, _stop.Token);
                }
                while (read > 0);
            }
            catch (Exception e) when (e is TransportException or OperationCanceledException)
            {
                // What a hostile peer does to its streams is its own affair.
            }
        }
    }
}
