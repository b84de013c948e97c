using System.Net;
using System.Net.Security;

namespace RpcNet.Transports;

/// <summary>What listeners and outgoing connections have in common.</summary>
public abstract class TransportConnectionOptions
{
    private const long MaxErrorCode = (1L << 62) - 1;
    private static readonly TimeSpan MinIdleTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>The ALPNs offered or accepted, in order of preference. At least one.</summary>
    public required IReadOnlyList<SslApplicationProtocol> ApplicationProtocols { get; init; }

    /// <summary>
    /// How long a connection may hear nothing before it is dead. The smaller of both sides' values counts
    /// (RFC 9000 section 10.1).
    /// </summary>
    /// <value>Default 2.5 s; at least 100 ms; <see cref="Timeout.InfiniteTimeSpan"/> never.</value>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(2.5);

    /// <summary>The interval of keep-alive PINGs on a silent connection.</summary>
    /// <value>Default 1 s; must be shorter than <see cref="IdleTimeout"/>; <see cref="Timeout.InfiniteTimeSpan"/> disables.</value>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The time within which a handshake must complete.</summary>
    /// <value>Default 10 s.</value>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bidirectional streams that the peer may have open at once.</summary>
    /// <value>Default 1,024; 0 … 65,535.</value>
    public int MaxInboundBidirectionalStreams { get; init; } = 1024;

    /// <summary>Unidirectional streams that the peer may have open at once.</summary>
    /// <value>Default 64; 0 … 65,535.</value>
    public int MaxInboundUnidirectionalStreams { get; init; } = 64;

    /// <summary>Bytes that the peer may send on one stream ahead of this side's reading.</summary>
    /// <value>Default 1 MiB; 16 KiB … 1 GiB.</value>
    public int StreamReceiveWindow { get; init; } = 1 << 20;

    /// <summary>Bytes that the peer may send on all streams together ahead of this side's reading.</summary>
    /// <value>Default 16 MiB; at least <see cref="StreamReceiveWindow"/>.</value>
    public int ConnectionReceiveWindow { get; init; } = 16 << 20;

    /// <summary>Application error code sent when a stream is disposed unfinished.</summary>
    public long DefaultStreamErrorCode { get; init; }

    /// <summary>Application error code sent when a connection is disposed without a close.</summary>
    public long DefaultCloseErrorCode { get; init; }

    /// <summary>Checks every value, and those that depend on each other. Engines call it before they do anything else.</summary>
    /// <exception cref="ArgumentException">A value is out of its range; the message names the property and the range.</exception>
    public virtual void Validate()
    {
        Require(ApplicationProtocols.Count > 0, nameof(ApplicationProtocols), "must hold at least one ALPN");
        Require(
            ApplicationProtocols.All(p => p.Protocol.Length is > 0 and <= 255),
            nameof(ApplicationProtocols),
            "must hold ALPNs of 1 to 255 bytes (RFC 7301 section 3.1)");
        Require(
            IdleTimeout == Timeout.InfiniteTimeSpan || IdleTimeout >= MinIdleTimeout,
            nameof(IdleTimeout),
            $"must be at least {MinIdleTimeout.TotalMilliseconds} ms, or infinite");
        Require(
            KeepAliveInterval == Timeout.InfiniteTimeSpan || KeepAliveInterval > TimeSpan.Zero,
            nameof(KeepAliveInterval),
            "must be positive, or infinite");
        Require(
            KeepAliveInterval == Timeout.InfiniteTimeSpan || IdleTimeout == Timeout.InfiniteTimeSpan || KeepAliveInterval < IdleTimeout,
            nameof(KeepAliveInterval),
            $"must be shorter than {nameof(IdleTimeout)}");
        Require(HandshakeTimeout > TimeSpan.Zero, nameof(HandshakeTimeout), "must be positive");
        Require(
            MaxInboundBidirectionalStreams is >= 0 and <= ushort.MaxValue, nameof(MaxInboundBidirectionalStreams), "must be 0 to 65,535");
        Require(
            MaxInboundUnidirectionalStreams is >= 0 and <= ushort.MaxValue, nameof(MaxInboundUnidirectionalStreams), "must be 0 to 65,535");
        Require(StreamReceiveWindow is >= 16 << 10 and <= 1 << 30, nameof(StreamReceiveWindow), "must be 16 KiB to 1 GiB");
        Require(
            ConnectionReceiveWindow >= StreamReceiveWindow, nameof(ConnectionReceiveWindow), $"must be at least {nameof(StreamReceiveWindow)}");
        Require(DefaultStreamErrorCode is >= 0 and <= MaxErrorCode, nameof(DefaultStreamErrorCode), "must be 0 to 2^62-1");
        Require(DefaultCloseErrorCode is >= 0 and <= MaxErrorCode, nameof(DefaultCloseErrorCode), "must be 0 to 2^62-1");
    }

    private protected static void Require(bool condition, string property, string requirement)
    {
        if (!condition)
        {
            throw new ArgumentException($"{property} {requirement}.", property);
        }
    }
}

/// <summary>How to listen.</summary>
public sealed class TransportListenerOptions : TransportConnectionOptions
{
    /// <summary>The address to bind; port 0 lets the system choose.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>The server's side of TLS.</summary>
    public required TlsServerOptions Tls { get; init; }

    /// <summary>Connections accepted by the engine and not yet taken by <see cref="ITransportListener.AcceptAsync"/>.</summary>
    /// <value>Default 512; at least 1. Further clients are refused.</value>
    public int Backlog { get; init; } = 512;

    /// <summary>
    /// The ALPNs whose connections may be handed out before their handshake is complete, with what came as early data (0-RTT,
    /// RFC 9001 section 4.6): whoever serves them heeds <see cref="ITransportConnection.HandshakeCompleted"/>. An engine
    /// takes early data only where its own options say so as well.
    /// </summary>
    /// <value>Default none.</value>
    public IReadOnlyList<SslApplicationProtocol> EarlyDataProtocols { get; init; } = [];

    /// <inheritdoc />
    public override void Validate()
    {
        base.Validate();
        Require(Backlog > 0, nameof(Backlog), "must be positive");
    }
}

/// <summary>How to connect.</summary>
public sealed class TransportConnectOptions : TransportConnectionOptions
{
    /// <summary>
    /// An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>, resolved on every connect, its addresses tried in order.
    /// </summary>
    public required EndPoint EndPoint { get; init; }

    /// <summary>The client's side of TLS.</summary>
    public required TlsClientOptions Tls { get; init; }

    /// <summary>
    /// Whether the connection may be handed out before its handshake is complete, where an earlier one to the same server
    /// left a ticket that allows it. What is written until <see cref="ITransportConnection.HandshakeCompleted"/> goes out as
    /// early data (0-RTT, RFC 9001 section 4.6), which anyone who records it may send to the server again.
    /// </summary>
    /// <value>Default false; true needs <see cref="ITransport.SupportsEarlyData"/>.</value>
    public bool EarlyData { get; init; }
}
