using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// All outgoing connections of a transport: I/O threads, each started with its first connection and ended after its last
/// one, and a connected socket for every connection, so that the kernel reports a port where nobody listens.
/// </summary>
internal sealed class ClientEndpoint : ConnectionOwner
{
    private const int MaxResets = 3;

    private readonly Lock _gate = new();
    private readonly Ngtcp2TransportOptions _engine;
    private readonly byte[] _secret;
    private readonly ILogger _logger;
    private readonly TimeProvider _timeProvider;
    private readonly Worker[] _workers;

    public ClientEndpoint(Ngtcp2TransportOptions engine, byte[] secret, ILogger logger, TimeProvider timeProvider)
    {
        _engine = engine;
        _secret = secret;
        _logger = logger;
        _timeProvider = timeProvider;
        _workers = [.. Enumerable.Range(0, engine.IoThreads).Select(static _ => new Worker())];
        Resumption = new ResumptionCache(engine.ResumptionCacheSize);
    }

    /// <summary>What earlier connections left for later ones.</summary>
    public ResumptionCache Resumption { get; }

    public override ReadOnlySpan<byte> ResetKey => _secret;

    public bool HasThread
    {
        get
        {
            lock (_gate)
            {
                return Array.Exists(_workers, static worker => worker.Loop is not null);
            }
        }
    }

    public async Task<Connection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken)
    {
        var host = options.Tls.TargetHost ?? options.EndPoint switch
        {
            DnsEndPoint dns => dns.Host,
            IPEndPoint ip => ip.Address.ToString(),
            _ => throw new ArgumentException("The endpoint must be an IPEndPoint or a DnsEndPoint.", nameof(options)),
        };
        var addresses = await ResolveAsync(options.EndPoint, cancellationToken).ConfigureAwait(false);
        var start = _timeProvider.GetTimestamp();
        var resets = 0;
        for (var i = 0; ; i++)
        {
            var attempt = new Attempt();
            try
            {
                return await AttemptAsync(attempt, options, addresses[i % addresses.Length], host, start, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (TransportException) when (attempt.Connection is { WasResetInHandshake: true } && resets++ < MaxResets)
            {
                // The server lost this handshake, by a restart or under load. It has not said no: it is asked again.
                i--;
            }
            catch (TransportException e) when (e.Error is TransportError.ConnectionRefused && i + 1 < addresses.Length)
            {
                // The next address may be the right one.
            }
            catch (TransportException e) when (e.Error is TransportError.HandshakeTimeout
                && options.HandshakeTimeout != Timeout.InfiniteTimeSpan
                && _timeProvider.GetElapsedTime(start) < options.HandshakeTimeout)
            {
                // libngtcp2 gives an unanswered handshake up at the idle timeout; the caller has asked for longer.
            }
        }
    }

    public override UdpSocket? OpenSocket(IPEndPoint remote, IPacketSink sink)
    {
        try
        {
            return UdpSocket.Connect(remote, sink, _engine);
        }
        catch (TransportException)
        {
            // There is no way to the peer from here now; the idle timeout ends the connection if it stays so.
            return null;
        }
    }

    public override bool OnEstablished(Connection connection) => true;

    public override void OnFinished(Connection connection, TransportException reason, bool wasEstablished)
    {
    }

    public override void OnFreed(Connection connection, UdpSocket socket)
    {
        connection.Loop.RemoveSocket(socket);
        Release(connection.Loop);
    }

    private async Task<Connection> AttemptAsync(
        Attempt attempt, TransportConnectOptions options, IPEndPoint remote, string host, long start, CancellationToken cancellationToken)
    {
        var sink = new Sink();
        var loop = Acquire();
        var started = new TaskCompletionSource<Connection>(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() => Start(loop, sink, options, remote, host, started));
        var connection = await started.Task.ConfigureAwait(false);
        attempt.Connection = connection;
        try
        {
            var limit = options.HandshakeTimeout == Timeout.InfiniteTimeSpan
                ? Timeout.InfiniteTimeSpan
                : Max(options.HandshakeTimeout - _timeProvider.GetElapsedTime(start), TimeSpan.Zero);
            await connection.Usable.WaitAsync(limit, _timeProvider, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (TimeoutException)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw new TransportException(TransportError.HandshakeTimeout, $"{remote} did not complete the handshake in time.");
        }
        catch (Exception e)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw e is TransportException failure ? failure.Copy() : e;
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private void Start(
        EndpointLoop loop, Sink sink, TransportConnectOptions options, IPEndPoint remote, string host,
        TaskCompletionSource<Connection> started)
    {
        UdpSocket? socket = null;
        try
        {
            socket = UdpSocket.Connect(remote, sink, _engine);
            loop.AddSocket(socket);
            sink.Connection = Connection.Connect(loop, socket, this, options, SockAddr.From(remote), host);
            started.SetResult(sink.Connection);
        }
#pragma warning disable CA1031 // Whatever it is belongs to the caller, not to the thread that serves all connections.
        catch (Exception e)
#pragma warning restore CA1031
        {
            // A connection that failed half-made has given its socket back already.
            if (socket is null || socket.Fd >= 0)
            {
                if (socket is not null)
                {
                    loop.RemoveSocket(socket);
                }

                Release(loop);
            }

            started.SetException(e);
        }
    }

    // The one with the fewest connections.
    private EndpointLoop Acquire()
    {
        lock (_gate)
        {
            var worker = _workers.MinBy(static w => w.Users)!;
            if (worker.Loop is null)
            {
                worker.Loop = new EndpointLoop("ngtcp2 client", _engine, _logger, _timeProvider, MayEnd);
                worker.Loop.Start();
            }

            worker.Users++;
            return worker.Loop;
        }
    }

    private void Release(EndpointLoop loop)
    {
        lock (_gate)
        {
            Array.Find(_workers, worker => worker.Loop == loop)!.Users--;
        }
    }

    private bool MayEnd(EndpointLoop loop)
    {
        lock (_gate)
        {
            if (Array.Find(_workers, worker => worker.Loop == loop) is { } worker)
            {
                if (worker.Users > 0)
                {
                    return false;
                }

                worker.Loop = null;
            }

            return true;
        }
    }

    private static async ValueTask<IPEndPoint[]> ResolveAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        if (endPoint is IPEndPoint ip)
        {
            return [ip];
        }

        var dns = (DnsEndPoint)endPoint;
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(dns.Host, dns.AddressFamily, cancellationToken).ConfigureAwait(false);
            if (addresses.Length > 0)
            {
                return [.. addresses.Select(address => new IPEndPoint(address, dns.Port))];
            }
        }
        catch (SocketException e)
        {
            throw new TransportException(
                TransportError.HostNotFound, $"The host name '{dns.Host}' does not resolve: {e.Message}", innerException: e);
        }

        throw new TransportException(TransportError.HostNotFound, $"The host name '{dns.Host}' has no address.");
    }

    private sealed class Worker
    {
        public EndpointLoop? Loop { get; set; }

        public int Users { get; set; }
    }

    private sealed class Attempt
    {
        public Connection? Connection { get; set; }
    }

    private sealed class Sink : IPacketSink
    {
        public Connection? Connection { get; set; }

        public unsafe void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length) =>
            Connection?.ReceiveConnected(ecn, data, length);

        public void OnSocketError(int error) => Connection?.OnSocketError(error);
    }
}
