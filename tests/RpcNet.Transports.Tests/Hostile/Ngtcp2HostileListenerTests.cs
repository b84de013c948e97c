using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Hostile;

public sealed class Ngtcp2HostileListenerTests : HostileListenerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    protected override string? UnsupportedReason => Ngtcp2Transport.UnsupportedReason;

    protected override long MemoryLimit => 128 << 20;

    [Fact]
    public async Task Handshakes_HalfOpenBeyondTheThreshold_AreAskedForRetry()
    {
        var transport = new Ngtcp2Transport(new Ngtcp2TransportOptions { RetryThreshold = 50 });
        var forge = await ForgeAsync(transport);
        var listener = await ListenAsync(transport);

        var (begun, retries) = await FloodAsync(listener, forge.Next, 2_000);

        Assert.Equal(50, begun);
        Assert.True(retries > 0, "Nobody was asked for a Retry.");
        // A client that can be reached at its address gets through all the same.
        await ServeOneAsync(transport, listener);
    }

    [Fact]
    public async Task Handshakes_HalfOpen_AreBoundedAndForgottenInTime()
    {
        var transport = new Ngtcp2Transport(new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Never, MaxHalfOpenConnections = 50 });
        var forge = await ForgeAsync(transport);
        var listener = await ListenAsync(transport, handshakeTimeout: TimeSpan.FromSeconds(2));

        var (begun, retries) = await FloodAsync(listener, forge.Next, 2_000);

        Assert.Equal((50, 0), (begun, retries));
        // Its first packets are dropped until the half-open handshakes have timed out.
        await ServeOneAsync(transport, listener);
    }

    [Fact]
    public async Task Handshakes_FailingAtOnce_AreAskedForRetryAndNotLoggedOneByOne()
    {
        var log = new CountingLog();
        var transport = new Ngtcp2Transport(new Ngtcp2TransportOptions { RetryThreshold = 50 }, log);
        var forge = await ForgeAsync(transport);
        var listener = await ListenAsync(transport);

        var (begun, retries) = await FloodAsync(listener, forge.NextWithoutTransportParameters, 3_000);

        // So many in any two seconds: the test would have to take a minute to reach the limit.
        Assert.InRange(begun, 50, 1_500);
        Assert.True(retries > 0, "Nobody was asked for a Retry.");
        Assert.InRange(log.Count, 1, begun - 1);
        await ServeOneAsync(transport, listener);
    }

    protected override ITransport CreateTransport() => new Ngtcp2Transport();

    /// <summary>Sends first packets from one port and counts the handshakes begun, by the server's ids, and the Retries.</summary>
    private static async Task<(int Begun, int Retries)> FloodAsync(ITransportListener listener, Func<byte[]> packet, int count)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 8 << 20 };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var begun = new HashSet<string>();
        var retries = 0;
        var buffer = new byte[2000];
        for (var i = 0; i < count; i++)
        {
            await socket.SendToAsync(packet(), listener.LocalEndPoint);
            Drain();
        }

        // Answered last, since packets are taken in order: everything before it has been judged.
        var last = new byte[1200];
        (last[0], last[1], last[2], last[3], last[4]) = (0xc0, 0x2a, 0x3a, 0x4a, 0x5a);
        (last[5], last[14]) = (8, 8);
        await socket.SendToAsync(last, listener.LocalEndPoint);
        using var limit = new CancellationTokenSource(s_limit);
        while (Take(await socket.ReceiveAsync(buffer, limit.Token)))
        {
        }

        return (begun.Count, retries);

        void Drain()
        {
            while (socket.Available > 0)
            {
                Take(socket.Receive(buffer));
            }
        }

        bool Take(int length)
        {
            var version = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(1));
            if (version == 0)
            {
                return false;
            }

            if ((buffer[0] & 0xf0) == 0xf0)
            {
                retries++;
            }
            else if ((buffer[0] & 0xb0) == 0x80)
            {
                var scidAt = 6 + buffer[5];
                begun.Add(Convert.ToHexString(buffer.AsSpan(scidAt + 1, buffer[scidAt])));
            }

            return length > 0;
        }
    }

    /// <summary>Counts the failed handshakes that were logged.</summary>
    private sealed class CountingLog : ILoggerFactory, ILogger
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 3203)
            {
                Interlocked.Increment(ref _count);
            }
        }

        public void Dispose()
        {
        }
    }
}
