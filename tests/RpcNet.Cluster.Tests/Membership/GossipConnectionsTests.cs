using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Cluster.Membership;
using RpcNet.Cluster.Tests.Registry;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Membership;

public class GossipConnectionsTests
{
    private static readonly IPEndPoint Local = Address(5);
    private static readonly byte[] Message = [1];

    private readonly FakeTransport _transport = new();
    private readonly List<IPEndPoint> _losses = [];

    [Fact]
    public async Task Connection_LentToAnotherAddress_IsGivenUpWhenItEnds()
    {
        // A seed that is dialled at one address and says that it takes answers at another.
        var connections = Create(static (connection, _) => connection.Closed);
        var (dialled, advertised) = (Address(1), Address(2));
        connections.Send(dialled, Message);
        var first = await _transport.DialledAsync(0);
        connections.Heard(first, dialled, advertised, Local);
        connections.Send(advertised, Message);
        await Eventually.HoldsAsync(() => first.Opened == 2);

        first.End(TransportError.ConnectionAborted);
        await Eventually.HoldsAsync(() => Losses().Contains(advertised));
        connections.Send(advertised, Message);

        var second = await _transport.DialledAsync(1);
        Assert.Equal(advertised, second.RemoteEndPoint);
        await Eventually.HoldsAsync(() => second.Opened == 1);
        Assert.Equal(0, connections.Dropped);
        await connections.CloseAsync();
    }

    [Fact]
    public async Task Connection_ThatIsAboutToBeClosed_IsNotTakenForThePeersOwn()
    {
        var connections = Create(static (connection, _) => connection.Closed);
        var peer = Address(1);
        connections.Send(peer, Message);
        var own = await _transport.DialledAsync(0);
        await Eventually.HoldsAsync(() => own.Opened == 1);
        var theirs = new FakeConnection(peer);
        connections.Heard(theirs, peer, peer, Local);

        // An answer to what was sent before.
        connections.Heard(own, peer, peer, Local);
        connections.Send(peer, Message);

        await Eventually.HoldsAsync(() => theirs.Opened + own.Opened == 2);
        Assert.Equal(1, theirs.Opened);
        await connections.CloseAsync();
    }

    private static IPEndPoint Address(int host) => new(new IPAddress([10, 0, 0, (byte)host]), 7000);

    private IPEndPoint[] Losses()
    {
        lock (_losses)
        {
            return [.. _losses];
        }
    }

    private GossipConnections Create(Func<ITransportConnection, CancellationToken, Task> read) => new(
        _transport,
        static peer => new TransportConnectOptions { EndPoint = peer, ApplicationProtocols = [ClusterProtocol.Alpn], Tls = new TlsClientOptions { ValidateServer = static _ => null } },
        new ClusterConnectionOptions(),
        TimeProvider.System,
        NullLogger.Instance,
        Task.Run,
        read,
        address =>
        {
            lock (_losses)
            {
                _losses.Add(address);
            }
        });

    /// <summary>Every dial succeeds at once.</summary>
    private sealed class FakeTransport : ITransport
    {
        private readonly List<FakeConnection> _dialled = [];

        public string Name => "fake";

        public async Task<FakeConnection> DialledAsync(int index)
        {
            await Eventually.HoldsAsync(() => Count > index);
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
            var connection = new FakeConnection((IPEndPoint)options.EndPoint);
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
    private sealed class FakeConnection(IPEndPoint remote) : ITransportConnection
    {
        private readonly TaskCompletionSource<TransportException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _opened;

        public SslApplicationProtocol ApplicationProtocol => ClusterProtocol.Alpn;

        public IPEndPoint LocalEndPoint => Local;

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

        public ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default) => DisposeAsync();

        public ValueTask DisposeAsync()
        {
            End(TransportError.Disposed);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class FakeStream : ITransportStream
    {
        public long Id => 2;

        public bool CanRead => false;

        public bool CanWrite => true;

        public Task WritesClosed => Task.CompletedTask;

        public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidOperationException();

        public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

        public void AbortRead(long errorCode)
        {
        }

        public void AbortWrite(long errorCode)
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
