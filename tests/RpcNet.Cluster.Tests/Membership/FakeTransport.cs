using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Cluster.Tests.Registry;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Membership;

/// <summary>Every dial succeeds at once.</summary>
internal sealed class FakeTransport : ITransport
{
    private readonly List<FakeConnection> _dialled = [];

    /// <summary>What disposal of the connections throws, which it must not.</summary>
    public Exception? Defect { get; init; }

    public string Name => "fake";

    public async Task<FakeConnection> DialledAsync(int index)
    {
        await Eventually.HoldsAsync(() => Count > index, "the dial");
        lock (_dialled)
        {
            return _dialled[index];
        }
    }

    public int Count
    {
        get
        {
            lock (_dialled)
            {
                return _dialled.Count;
            }
        }
    }

    public ValueTask<ITransportConnection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken = default)
    {
        var connection = new FakeConnection((IPEndPoint)options.EndPoint) { Defect = Defect };
        lock (_dialled)
        {
            _dialled.Add(connection);
        }

        return ValueTask.FromResult<ITransportConnection>(connection);
    }

    public ValueTask<ITransportListener> ListenAsync(TransportListenerOptions options, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();
}

/// <summary>Takes everything and sends nothing.</summary>
internal sealed class FakeConnection(IPEndPoint remote) : ITransportConnection
{
    private readonly TaskCompletionSource<TransportException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _opened;

    public SslApplicationProtocol ApplicationProtocol => ClusterProtocol.Alpn;

    public IPEndPoint LocalEndPoint { get; } = new(IPAddress.Loopback, 7000);

    public IPEndPoint RemoteEndPoint => remote;

    public X509Certificate2? RemoteCertificate => null;

    public Task<TransportException> Closed => _closed.Task;

    /// <summary>Streams opened here, one for each message.</summary>
    public int Opened => Volatile.Read(ref _opened);

    public void End(TransportError error) => _closed.TrySetResult(new TransportException(error, "It is over."));

    public ValueTask<ITransportStream> OpenStreamAsync(TransportStreamDirection direction, CancellationToken cancellationToken = default)
    {
        if (_closed.Task.IsCompleted)
        {
            throw new TransportException(TransportError.ConnectionAborted, "It is over.");
        }

        Interlocked.Increment(ref _opened);
        return ValueTask.FromResult<ITransportStream>(new FakeStream());
    }

    /// <summary>What the peer opens; after it, nothing more.</summary>
    public Queue<ITransportStream> Incoming { get; } = new();

    /// <summary>What disposal throws, which it must not.</summary>
    public Exception? Defect { get; init; }

    public async ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default) =>
        Incoming.TryDequeue(out var stream) ? stream : throw await _closed.Task.WaitAsync(cancellationToken);

    public ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default) => DisposeAsync();

    public ValueTask DisposeAsync()
    {
        End(TransportError.Disposed);
        return Defect is null ? ValueTask.CompletedTask : ValueTask.FromException(Defect);
    }
}

/// <summary>Takes all that is written; reading it is a defect.</summary>
internal sealed class FakeStream : ITransportStream
{
    public long Id => 2;

    public bool CanRead => false;

    public bool CanWrite => true;

    public Task WritesClosed => Task.CompletedTask;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidOperationException("a defect");

    public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public void AbortRead(long errorCode)
    {
    }

    public void AbortWrite(long errorCode)
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
