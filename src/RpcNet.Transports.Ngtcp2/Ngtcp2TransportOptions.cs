using System.Net;
using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2;

/// <summary>How the engine limits what it has in flight.</summary>
public enum Ngtcp2CongestionControl
{
    /// <summary>What is sound in the library's version: CUBIC, and BBR from 1.20 on, where CUBIC's pacing is slow on short paths.</summary>
    Auto,

    /// <summary>CUBIC (RFC 9438).</summary>
    Cubic,

    /// <summary>NewReno (RFC 9002).</summary>
    Reno,

    /// <summary>BBR version 2.</summary>
    Bbr,
}

/// <summary>When a listener has clients prove their address by a Retry packet (RFC 9000 section 8.1.2).</summary>
public enum Ngtcp2RetryPolicy
{
    /// <summary>
    /// While at least <see cref="Ngtcp2TransportOptions.RetryThreshold"/> handshakes are under way or have failed within the last seconds.
    /// </summary>
    UnderLoad,

    /// <summary>
    /// Every time that the client does not bring a token from an earlier connection; costs one round trip a handshake.
    /// </summary>
    Always,

    /// <summary>Not at all.</summary>
    Never,
}

/// <summary>What can be set on the ngtcp2 engine beyond the seam's options.</summary>
public sealed class Ngtcp2TransportOptions
{
    /// <summary>The congestion control of every connection.</summary>
    /// <value>Default <see cref="Ngtcp2CongestionControl.Auto"/>.</value>
    public Ngtcp2CongestionControl CongestionControl { get; init; }

    /// <summary>
    /// I/O threads of each listener, and again of all outgoing connections together. A connection stays with one of them; the
    /// kernel spreads a listener's clients by their addresses. More than one pays off where more processors than one are busy
    /// with packets, and a few clients may share a thread while another one is idle. <see cref="MaxHalfOpenConnections"/> and
    /// <see cref="RetryThreshold"/> count for each thread.
    /// </summary>
    /// <value>Default 1; 1 … 64.</value>
    public int IoThreads { get; init; } = 1;

    /// <summary>
    /// How long an I/O thread goes on looking for packets after stream data came or was acknowledged, before it sleeps. To sleep
    /// and to be woken takes longer than the answer on a short path. While it looks it yields the processor to every
    /// thread that wants it; a processor that nobody wants is kept busy for this time.
    /// </summary>
    /// <value>Default 50 µs; 0 … 1 ms; 0 sleeps at once.</value>
    public TimeSpan BusyPoll { get; init; } = TimeSpan.FromMicroseconds(50);

    /// <summary>When a listener validates addresses by Retry.</summary>
    /// <value>Default <see cref="Ngtcp2RetryPolicy.UnderLoad"/>.</value>
    public Ngtcp2RetryPolicy Retry { get; init; }

    /// <summary>
    /// Handshakes under way on one listener, and failed in this second and the one before, from which on
    /// <see cref="Ngtcp2RetryPolicy.UnderLoad"/> asks for a Retry.
    /// </summary>
    /// <value>Default 256; at least 0.</value>
    public int RetryThreshold { get; init; } = 256;

    /// <summary>Handshakes under way on one listener above which new ones are dropped unanswered.</summary>
    /// <value>Default 4,096; at least 1.</value>
    public int MaxHalfOpenConnections { get; init; } = 4096;

    /// <summary>
    /// The secret from which Retry tokens, address tokens, stateless reset tokens and, without
    /// <see cref="SessionTicketKey"/>, the key of session tickets are derived. With a key that outlives a restart, peers of
    /// the process before learn at once that their connections are gone.
    /// </summary>
    /// <value>Default empty: a random one per transport; otherwise at least 32 bytes.</value>
    public ReadOnlyMemory<byte> SecretKey { get; init; }

    /// <summary>
    /// Whether listeners give out session tickets (RFC 8446 section 2.2), with which a client's next handshake needs no
    /// certificates and about half the work. A resumed connection bears the certificates of the first one, and both sides'
    /// validators judge them anew. A ticket no longer counts once the listener's certificate is another one.
    /// </summary>
    /// <value>Default true.</value>
    public bool SessionTickets { get; init; } = true;

    /// <summary>
    /// Whether listeners take early data (0-RTT, RFC 9001 section 4.6) for the protocols that can deal with it: calls of methods marked
    /// as replayable that a resumed client sends along with its first packet. Each ticket allows it once, at the listener
    /// that gave it out. What clients send is their own matter: <see cref="TransportConnectOptions.EarlyData"/>.
    /// </summary>
    /// <value>Default false; true needs <see cref="SessionTickets"/>.</value>
    public bool AcceptEarlyData { get; init; }

    /// <summary>
    /// Gives the secret that session tickets are encrypted under, of at least 32 bytes; called for every handshake, from
    /// several threads. Listeners of one name that give the same one can resume each other's sessions. To rotate, give
    /// another one: tickets of before cost a full handshake. The key in use changes within it every 18 hours, and a ticket
    /// lasts 6 hours.
    /// </summary>
    /// <value>Default null: derived from <see cref="SecretKey"/>.</value>
    public Func<ReadOnlyMemory<byte>>? SessionTicketKey { get; init; }

    /// <summary>Servers of which outgoing connections keep tickets and address tokens, up to 4 of each; a ticket takes some 2 KiB.</summary>
    /// <value>Default 256; 0 … 65,536; 0 never resumes.</value>
    public int ResumptionCacheSize { get; init; } = 256;

    /// <summary>
    /// How long the token that a listener gives to each client (NEW_TOKEN, RFC 9000 section 8.1.3) spares that client's
    /// later connections a Retry.
    /// </summary>
    /// <value>Default 1 h; 0 … 7 days; 0 gives out none and accepts none.</value>
    public TimeSpan AddressTokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Bytes of one stream that the engine buffers until the peer has acknowledged them; a writer waits beyond.</summary>
    /// <value>Default 512 KiB; 16 KiB … 16 MiB.</value>
    public int StreamSendBufferSize { get; init; } = 512 << 10;

    /// <summary>
    /// Bytes that each side of a connection sends under one set of keys before it has both renew them (RFC 9001 section 6).
    /// Whatever it is, the library renews them before the cipher's limit, 2^23 packets for AES-GCM; a peer may do so at any time.
    /// </summary>
    /// <value>Default 0: at the cipher's limit alone; otherwise at least 64 KiB.</value>
    public long KeyUpdateBytes { get; init; }

    /// <summary>
    /// The largest UDP payload that path MTU discovery may find. Raise it where the network carries jumbo frames; a route
    /// that later changes to a smaller MTU stalls the connections that had found a larger one.
    /// </summary>
    /// <value>
    /// Bytes; default 0: 1,452, which an Ethernet path carries over IPv6 too, and 16,384 between processes of one machine;
    /// otherwise 1,200 … 65,507.
    /// </value>
    public int MaxUdpPayloadSize { get; init; }

    /// <summary>The kernel's buffers of each listening socket in each direction; the system's limit may lower it.</summary>
    /// <value>Default 4 MiB.</value>
    public int SocketBufferSize { get; init; } = 4 << 20;

    /// <summary>Whether one system call may carry many packets (UDP_SEGMENT), where the device can.</summary>
    /// <value>Default true.</value>
    public bool SegmentationOffload { get; init; } = true;

    internal int NativeCongestionControl => CongestionControl switch
    {
        Ngtcp2CongestionControl.Reno => 0,
        Ngtcp2CongestionControl.Cubic => 1,
        Ngtcp2CongestionControl.Bbr => 2,
        _ => NativeLibraries.VersionNumber >= 0x011400 ? 2 : 1,
    };

    internal int MaxUdpPayloadSizeTo(IPAddress peer) =>
        MaxUdpPayloadSize != 0 ? MaxUdpPayloadSize
        : IPAddress.IsLoopback(peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer) ? 16384
        : 1452;

    internal void Validate()
    {
        Require(IoThreads is >= 1 and <= 64, nameof(IoThreads), "must be 1 to 64");
        Require(
            BusyPoll >= TimeSpan.Zero && BusyPoll <= TimeSpan.FromMilliseconds(1), nameof(BusyPoll), "must be 0 to 1 ms");
        Require(RetryThreshold >= 0, nameof(RetryThreshold), "must be at least 0");
        Require(MaxHalfOpenConnections >= 1, nameof(MaxHalfOpenConnections), "must be at least 1");
        Require(SecretKey.Length is 0 or >= 32, nameof(SecretKey), "must be empty or at least 32 bytes long");
        Require(!AcceptEarlyData || SessionTickets, nameof(AcceptEarlyData), $"needs {nameof(SessionTickets)}");
        Require(ResumptionCacheSize is >= 0 and <= 65536, nameof(ResumptionCacheSize), "must be 0 to 65,536");
        Require(
            AddressTokenLifetime >= TimeSpan.Zero && AddressTokenLifetime <= TimeSpan.FromDays(7),
            nameof(AddressTokenLifetime),
            "must be 0 to 7 days");
        Require(StreamSendBufferSize is >= 16 << 10 and <= 16 << 20, nameof(StreamSendBufferSize), "must be 16 KiB to 16 MiB");
        Require(KeyUpdateBytes is 0 or >= 64 << 10, nameof(KeyUpdateBytes), "must be 0 or at least 64 KiB");
        Require(
            MaxUdpPayloadSize is 0 or (>= 1200 and <= EndpointLoop.SendBufferLength), nameof(MaxUdpPayloadSize),
            "must be 0 or 1,200 to 65,507 bytes");
        Require(SocketBufferSize > 0, nameof(SocketBufferSize), "must be positive");
        Require(Enum.IsDefined(CongestionControl), nameof(CongestionControl), "has an unknown value");
        Require(Enum.IsDefined(Retry), nameof(Retry), "has an unknown value");
    }

    private static void Require(bool condition, string name, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"{nameof(Ngtcp2TransportOptions)}.{name} {message}.", name);
        }
    }
}
