using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using RpcNet.Testing;

namespace RpcNet.Transports.Tests.Hostile;

/// <summary>Makes any number of valid first packets out of one that a real client has sent.</summary>
internal sealed class InitialForge
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly Random _random = new(11);
    private readonly InitialPacket _template;
    private readonly byte[] _hello;
    private readonly int _scidAt;

    private InitialForge(InitialPacket template)
    {
        _template = template;
        _hello = template.Crypto();
        // The transport parameter initial_source_connection_id (0x0f) must be the packet's own id.
        byte[] parameter = [0x0f, (byte)template.Scid.Length, .. template.Scid];
        _scidAt = _hello.AsSpan().IndexOf(parameter) + 2;
        Assert.True(_scidAt > 2, "The client's hello does not hold its connection id.");
    }

    /// <summary>Has a client of the engine connect to nobody, and keeps its first packet.</summary>
    public static async Task<InitialForge> CreateAsync(ITransport transport, SslApplicationProtocol alpn)
    {
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var stop = new CancellationTokenSource();
        var connecting = transport.ConnectAsync(
            new TransportConnectOptions
            {
                EndPoint = nobody.LocalEndPoint!,
                ApplicationProtocols = [alpn],
                Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
            },
            stop.Token).AsTask();
        var datagram = new byte[2000];
        var length = await nobody.ReceiveAsync(datagram).WaitAsync(Limit);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(Limit));
        return new InitialForge(InitialPacket.Parse(datagram.AsSpan(0, length)));
    }

    /// <summary>The first packet of a client that never was.</summary>
    public byte[] Next() => Make(InitialPacket.CryptoFrame(NextHello(out var scid)), scid);

    /// <summary>A first packet whose hello lacks QUIC's transport parameters: the extension has another number.</summary>
    public byte[] NextWithoutTransportParameters()
    {
        var hello = NextHello(out var scid);
        var rest = hello.AsSpan();
        while (true)
        {
            // Extension 0x0039 is the one that reaches over the connection id.
            var at = rest.IndexOf((ReadOnlySpan<byte>)[0x00, 0x39]);
            Assert.True(at >= 0, "The client's hello holds no transport parameters.");
            var start = hello.Length - rest.Length + at;
            var length = (hello[start + 2] << 8) | hello[start + 3];
            if (start < _scidAt && start + 4 + length > _scidAt)
            {
                (hello[start], hello[start + 1]) = (0x5a, 0x5a);
                return Make(InitialPacket.CryptoFrame(hello), scid);
            }

            rest = rest[(at + 1)..];
        }
    }

    /// <summary>A first packet whose hello is harmed in a few places.</summary>
    public byte[] NextWithHarmedHello()
    {
        var hello = NextHello(out var scid);
        for (var i = _random.Next(1, 5); i > 0; i--)
        {
            hello[_random.Next(hello.Length)] = (byte)_random.Next(256);
        }

        var length = _random.Next(4) == 0 ? _random.Next(1, hello.Length) : hello.Length;
        return Make(InitialPacket.CryptoFrame(hello.AsSpan(0, length)), scid);
    }

    /// <summary>A first packet with random frames, or the beginning of good ones followed by random ones.</summary>
    public byte[] NextWithRandomFrames()
    {
        var frames = new byte[_random.Next(1, 600)];
        _random.NextBytes(frames);
        frames[0] &= 0x1f;
        var hello = NextHello(out var scid);
        return Make(_random.Next(2) == 0 ? frames : [.. InitialPacket.CryptoFrame(hello), .. frames], scid);
    }

    private byte[] NextHello(out byte[] scid)
    {
        scid = new byte[_template.Scid.Length];
        _random.NextBytes(scid);
        var hello = _hello.ToArray();
        scid.CopyTo(hello, _scidAt);
        return hello;
    }

    private byte[] Make(byte[] frames, byte[] scid)
    {
        var dcid = new byte[_random.Next(8, 21)];
        _random.NextBytes(dcid);
        return new InitialPacket { Dcid = dcid, Scid = scid, Frames = frames }.Build();
    }
}
