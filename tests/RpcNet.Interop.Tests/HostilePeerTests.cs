using System.Diagnostics;
using System.Net;
using System.Net.Security;
using RpcNet.Testing;
using RpcNet.Transports;

namespace RpcNet.Interop.Tests;

/// <summary>
/// A peer that has completed the handshake and then attacks (interop/go/hostile, a quic-go that breaks the protocol on purpose):
/// the listener ends its connection or bears it, serves the others meanwhile, and its memory stays bounded.
/// </summary>
public sealed class HostilePeerTests(CertificateFiles files) : IClassFixture<CertificateFiles>
{
    private const string Alpn = "rpcnet-hostile/1";
    private const long MemoryLimit = 256 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly int s_scale = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 20 : 1;

    // Which transport error of the ngtcp2 engine ends the connection (RFC 9000 section 20.1); empty where the attack may be borne.
    // What msquic bears and what it does not is its own affair.
    private static readonly (string Attack, int Count, string Outcome)[] s_attacks =
    [
        ("connectionIds", 5_000, "CONNECTION_ID_LIMIT_ERROR|PROTOCOL_VIOLATION"),
        ("retirements", 20_000 * s_scale, ""),
        ("retireUnknown", 1_000, "PROTOCOL_VIOLATION"),
        ("challenges", 10_000 * s_scale, ""),
        ("streamLimit", 100_000, "STREAM_LIMIT_ERROR"),
        ("flowControl", 1_000, "FLOW_CONTROL_ERROR"),
        ("finalSize", 1_000, "FINAL_SIZE_ERROR"),
        ("unknownFrame", 1, "FRAME_ENCODING_ERROR"),
        ("crypto", 5_000, "CRYPTO_BUFFER_EXCEEDED"),
        ("resets", 10_000 * s_scale, ""),
        ("openStreams", 2_000, ""),
        ("silence", 100, ""),
        ("garbage", 100 * s_scale, ""),
    ];

    public static TheoryData<string, string, int, string> Attacks
    {
        get
        {
            var data = new TheoryData<string, string, int, string>();
            foreach (var engine in new[] { Engines.Ngtcp2, Engines.SystemNetQuic })
            {
                foreach (var (attack, count, outcome) in s_attacks)
                {
                    data.Add(engine, attack, count, engine == Engines.Ngtcp2 ? outcome : "");
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task Listener_Attacked_ServesOthersInBoundedMemory(string engine, string attack, int count, string outcome)
    {
        var transport = Engines.Create(engine);
        await using var listener = await transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [new SslApplicationProtocol(Alpn)],
            IdleTimeout = TimeSpan.FromSeconds(5),
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });
        await using var echo = new EchoServer(listener);
        await using var friend = await transport.ConnectAsync(new TransportConnectOptions
        {
            EndPoint = listener.LocalEndPoint,
            ApplicationProtocols = [new SslApplicationProtocol(Alpn)],
            IdleTimeout = TimeSpan.FromSeconds(20),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        }).AsTask().WaitAsync(Limit);
        await EchoAsync(friend);
        var before = ResidentBytes();

        await using var peer = PeerProcess.StartGo(
            "hostile", $"127.0.0.1:{listener.LocalEndPoint.Port}", files.Roots, Alpn, attack,
            count.ToString(System.Globalization.CultureInfo.InvariantCulture));
        var ended = peer.ReadToEndAsync();
        var grown = 0L;
        var echoes = 0;
        do
        {
            await EchoAsync(friend);
            echoes++;
            grown = Math.Max(grown, ResidentBytes() - before);
        }
        while (!ended.IsCompleted);

        var (code, output) = await ended;
        TestContext.Current.SendDiagnosticMessage($"{engine} {attack}: {output.Trim()}; {echoes} echoes, {grown >> 20} MiB more");
        Assert.Equal(0, code);
        Assert.True(
            outcome.Length == 0 || outcome.Split('|').Any(o => output.Contains(o, StringComparison.Ordinal)),
            $"{attack} ended with: {output}");
        Assert.InRange(grown, long.MinValue, MemoryLimit);
        await EchoAsync(friend);
    }

    private static async Task EchoAsync(ITransportConnection connection)
    {
        await using var stream = await connection.OpenStreamAsync(TransportStreamDirection.Bidirectional).AsTask().WaitAsync(Limit);
        await stream.WriteAsync(new byte[] { 1, 2, 3 }, endStream: true).AsTask().WaitAsync(Limit);
        var buffer = new byte[10];
        Assert.Equal(3, await stream.ReadAsync(buffer).AsTask().WaitAsync(Limit));
        Assert.Equal(0, await stream.ReadAsync(buffer).AsTask().WaitAsync(Limit));
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
