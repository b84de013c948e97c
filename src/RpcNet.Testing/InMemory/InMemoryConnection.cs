using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

/// <summary>What one end of a connection knows when the handshake is done.</summary>
internal sealed record ConnectionEnd(
    InMemoryTransport Transport,
    TransportConnectionOptions Options,
    SslApplicationProtocol Protocol,
    IPEndPoint Local,
    IPEndPoint Remote,
    X509Certificate2? RemoteCertificate);

/// <summary>One end of a connection. Both ends share one gate, under which every message is handled.</summary>
internal sealed partial class InMemoryConnection : ITransportConnection
{
    private readonly ConnectionEnd _end;
    private readonly Lock _gate;
    private readonly bool _isClient;
    private readonly TaskCompletionSource<TransportException> _closed = new();
    private MessageQueue _out = null!;
    [SuppressMessage("Usage", "CA2213", Justification = "The other end has an owner of its own.")]
    private InMemoryConnection _peer = null!;

    private Link _linkToPeer = null!;
    private TransportException? _gone;
    private bool _halted;

    private InMemoryConnection(ConnectionEnd end, Lock gate, bool isClient)
    {
        _end = end;
        _gate = gate;
        _isClient = isClient;
    }

    public SslApplicationProtocol ApplicationProtocol => _end.Protocol;

    public IPEndPoint LocalEndPoint => _end.Local;

    public IPEndPoint RemoteEndPoint => _end.Remote;

    public X509Certificate2? RemoteCertificate => _end.RemoteCertificate;

    public Task<TransportException> Closed => _closed.Task;

    internal Lock Gate => _gate;

    internal InMemoryNetwork Network => _end.Transport.Network;

    internal TransportConnectionOptions Options => _end.Options;

    internal MessageQueue Out => _out;

    internal int PeerStreamWindow => _peer._end.Options.StreamReceiveWindow;

    public static (InMemoryConnection Client, InMemoryConnection Server) CreatePair(ConnectionEnd client, ConnectionEnd server)
    {
        var gate = new Lock();
        var pair = (Client: new InMemoryConnection(client, gate, isClient: true), Server: new InMemoryConnection(server, gate, isClient: false));
        var number = client.Transport.Network.NextConnectionNumber();
        lock (gate)
        {
            pair.Client.Attach(pair.Server, number * 2);
            pair.Server.Attach(pair.Client, (number * 2) + 1);
            pair.Client.Start();
            pair.Server.Start();
        }

        return pair;
    }

    public ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        CloseNow(errorCode);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        CloseNow(_end.Options.DefaultCloseErrorCode);
        _end.RemoteCertificate?.Dispose();
        return ValueTask.CompletedTask;
    }

    internal void CloseNow(long errorCode)
    {
        lock (_gate)
        {
            if (_gone is null)
            {
                End(new TransportException(TransportError.Disposed, $"This side closed the connection to {RemoteEndPoint}."));
                _out.SendClose(errorCode);
            }
        }
    }

    /// <summary>The process at this end is no more: nothing leaves it, not even a close.</summary>
    internal void Vanish()
    {
        lock (_gate)
        {
            End(new TransportException(TransportError.Disposed, $"The transport '{_end.Transport.Host}' was killed."));
            _out.Dispose();
        }
    }

    /// <summary>The process at this end stands still for ever: nothing leaves it, and nothing that arrives does anything.</summary>
    internal void Halt()
    {
        lock (_gate)
        {
            _halted = true;
            _timer?.Dispose();
            _out.Dispose();
        }
    }

    internal void Receive(in Message message)
    {
        if (message.Kind == MessageKind.Data)
        {
            ReceiveData(message.StreamId, message.Buffer.AsSpan(0, (int)message.Value));
            message.Release();
            return;
        }

        if (_gone is not null || _halted)
        {
            return;
        }

        Heard();
        switch (message.Kind)
        {
            case MessageKind.Ping:
                break;
            case MessageKind.Close:
                End(new TransportException(
                    TransportError.ConnectionAborted,
                    $"The peer {RemoteEndPoint} closed the connection with code {message.Value}.",
                    message.Value));
                _out.Dispose();
                break;
            case MessageKind.ConnectionCredit:
                AddConnectionCredit(message.Value);
                break;
            case MessageKind.StreamsCredit:
                AddStreamsCredit((TransportStreamDirection)message.Value);
                break;
            default:
                FindStream(message.StreamId)?.Receive(message);
                break;
        }
    }

    internal void ReceiveData(long streamId, ReadOnlySpan<byte> bytes)
    {
        if (_gone is not null || _halted)
        {
            return;
        }

        Heard();
        if (FindStream(streamId) is { } stream)
        {
            stream.ReceiveData(bytes);
        }
        else
        {
            Consumed(bytes.Length);
        }
    }

    internal void ThrowIfGone()
    {
        if (_gone is not null)
        {
            throw _gone.Again();
        }
    }

    private void Attach(InMemoryConnection peer, long number)
    {
        _peer = peer;
        _linkToPeer = Network.GetLink(_end.Transport, peer._end.Transport);
        _out = new MessageQueue(number, _linkToPeer, peer, _gate);
        _sendCredit = peer._end.Options.ConnectionReceiveWindow;
        _openCredits[(int)TransportStreamDirection.Bidirectional] = peer._end.Options.MaxInboundBidirectionalStreams;
        _openCredits[(int)TransportStreamDirection.Unidirectional] = peer._end.Options.MaxInboundUnidirectionalStreams;
        _end.Transport.Add(this);
    }

    private void End(TransportException why)
    {
        if (_gone is not null)
        {
            return;
        }

        _gone = why;
        _timer?.Dispose();
        EndStreams(why);
        _end.Transport.Remove(this);
        Network.Resume((_closed, why), static s => s._closed.SetResult(s.why));
    }
}
