using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal sealed class InMemoryListener(InMemoryTransport transport, TransportListenerOptions options) : ITransportListener
{
    private readonly Lock _gate = new();
    private readonly Queue<InMemoryConnection> _backlog = [];
    private Waiter<InMemoryConnection>? _accepting;
    private bool _closed;

    public InMemoryTransport Transport => transport;

    public TransportListenerOptions Options => options;

    public IPEndPoint LocalEndPoint { get; set; } = options.EndPoint;

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter<InMemoryConnection> accepting;
        lock (_gate)
        {
            if (_accepting is not null)
            {
                throw new InvalidOperationException("Another accept is pending.");
            }

            if (_closed)
            {
                throw Disposed();
            }

            if (_backlog.TryDequeue(out var waiting))
            {
                return waiting;
            }

            accepting = _accepting = new Waiter<InMemoryConnection>(transport.Network);
        }

        using (cancellationToken.UnsafeRegister(
            (_, token) => Complete(accepting, a => a.TrySetCanceled(token)), state: null))
        {
            return await accepting.WaitAsync().ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>Makes both ends of a connection whose handshake has passed, and gives the server's end to an accept.</summary>
    public InMemoryConnection Establish(
        InMemoryTransport clientTransport,
        TransportConnectOptions clientOptions,
        SslApplicationProtocol protocol,
        IPEndPoint client,
        IPEndPoint server,
        X509Certificate2 serverCertificate,
        X509Certificate2? clientCertificate)
    {
        lock (_gate)
        {
            if (_closed || (_accepting is null && _backlog.Count >= options.Backlog))
            {
                throw new TransportException(
                    TransportError.ConnectionRefused, _closed ? $"Nobody listens at {server}." : $"The backlog of {server} is full.");
            }

            var pair = InMemoryConnection.CreatePair(
                new(clientTransport, clientOptions, protocol, client, server, serverCertificate),
                new(transport, options, protocol, server, client, clientCertificate));
            if (!Complete(_accepting, a => a.TrySetResult(pair.Server)))
            {
                _backlog.Enqueue(pair.Server);
            }

            return pair.Client;
        }
    }

    public void Close()
    {
        InMemoryConnection[] untaken;
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            untaken = [.. _backlog];
            _backlog.Clear();
            Complete(_accepting, a => a.TrySetException(Disposed()));
        }

        transport.Network.Unbind(this);
        transport.Remove(this);
        foreach (var connection in untaken)
        {
            connection.CloseNow(options.DefaultCloseErrorCode);
        }
    }

    private bool Complete(Waiter<InMemoryConnection>? accepting, Func<Waiter<InMemoryConnection>, bool> complete)
    {
        lock (_gate)
        {
            if (accepting is null || accepting != _accepting)
            {
                return false;
            }

            _accepting = null;
            return complete(accepting);
        }
    }

    private TransportException Disposed() =>
        new(TransportError.Disposed, $"The listener at {LocalEndPoint} was disposed.");
}
