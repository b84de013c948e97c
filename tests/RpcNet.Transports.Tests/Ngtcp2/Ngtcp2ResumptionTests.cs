using System.Net;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Second connections: session tickets and address tokens.</summary>
public sealed class Ngtcp2ResumptionTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly byte[] s_key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Theory]
    [InlineData(ClientCertificateMode.None, false)]
    [InlineData(ClientCertificateMode.Requested, false)]
    [InlineData(ClientCertificateMode.Requested, true)]
    [InlineData(ClientCertificateMode.Required, true)]
    public async Task Connect_Again_ResumesAndBothSidesJudgeTheFirstCertificates(ClientCertificateMode mode, bool withClient)
    {
        var judged = 0;
        var trust = CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots);
        var listen = Listen(mode, validate: c =>
        {
            Interlocked.Increment(ref judged);
            return trust(c);
        });
        await using var pair = await Ngtcp2Pair.StartAsync(listen);
        var identity = withClient ? TestCertificates.Shared.Client : null;

        for (var i = 0; i < 4; i++)
        {
            var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(pair.Listener.LocalEndPoint, identity)).WaitAsync(s_limit);

            Assert.Equal(i > 0, ((Connection)client).IsResumed);
            Assert.Equal(i > 0, ((Connection)server).IsResumed);
            Assert.Equal("CN=localhost", client.RemoteCertificate!.Subject);
            Assert.Equal(withClient ? "CN=client" : null, server.RemoteCertificate?.Subject);
            Assert.Equal(withClient ? i + 1 : 0, judged);
            Assert.Equal(Ngtcp2Pair.Protocol, server.ApplicationProtocol);
            await Ngtcp2PacketTests.EchoAsync(client, server);
        }
    }

    [Fact]
    public async Task Connect_TicketsOff_NeverResumes()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { SessionTickets = false });
        await ExpectAsync(pair, resumed: false);
        await ExpectAsync(pair, resumed: false);
    }

    [Fact]
    public async Task Connect_CacheOff_NeverResumes()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { ResumptionCacheSize = 0 });
        await ExpectAsync(pair, resumed: false);
        await ExpectAsync(pair, resumed: false);
    }

    [Fact]
    public async Task Connect_ServersCertificateReplaced_HandshakesInFullWithTheNewOne()
    {
        var identity = TestCertificates.Shared.Issue("localhost", client: false);
        await using var pair = await Ngtcp2Pair.StartAsync(Listen(ClientCertificateMode.None, identity: () => identity));
        await ExpectAsync(pair, resumed: false);
        identity = TestCertificates.Shared.Issue("localhost", client: false);

        var client = await ExpectAsync(pair, resumed: false);

        Assert.Equal(identity.Certificate.Thumbprint, client.RemoteCertificate!.Thumbprint);
        await ExpectAsync(pair, resumed: true);
    }

    [Fact]
    public async Task Connect_ServerNoLongerTrusted_TicketDoesNotHelp()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await ExpectAsync(pair, resumed: false);
        var trusted = Ngtcp2Pair.ConnectOptions(pair.Listener.LocalEndPoint);
        var distrusting = new TransportConnectOptions
        {
            EndPoint = trusted.EndPoint,
            ApplicationProtocols = trusted.ApplicationProtocols,
            Tls = new TlsClientOptions { TargetHost = trusted.Tls.TargetHost, ValidateServer = _ => "no longer" },
        };

        var e = await Assert.ThrowsAsync<TransportException>(() => pair.Transport.ConnectAsync(distrusting).AsTask().WaitAsync(s_limit));

        Assert.Equal(TransportError.AuthenticationFailed, e.Error);
    }

    [Fact]
    public async Task Connect_ClientNoLongerTrusted_TicketDoesNotHelp()
    {
        string? verdict = null;
        await using var pair = await Ngtcp2Pair.StartAsync(Listen(ClientCertificateMode.Required, validate: _ => verdict));
        var options = Ngtcp2Pair.ConnectOptions(pair.Listener.LocalEndPoint, TestCertificates.Shared.Client);
        await pair.ConnectAsync(options).WaitAsync(s_limit);
        verdict = "revoked";

        var e = await Assert.ThrowsAsync<TransportException>(() => pair.Transport.ConnectAsync(options).AsTask().WaitAsync(s_limit));

        Assert.Equal(TransportError.AuthenticationFailed, e.Error);
    }

    // The ticket of a client that had to show no certificate must not open a listener that demands one.
    [Fact]
    public async Task Connect_TicketFromAListenerThatAsksForLess_IsRefused()
    {
        var engine = new Ngtcp2TransportOptions { SecretKey = s_key };
        var first = await Ngtcp2Pair.StartAsync(Listen(ClientCertificateMode.Requested), engine);
        var address = first.Listener.LocalEndPoint;
        await ExpectAsync(first, resumed: false);
        await first.DisposeAsync();
        await using var second = await first.Transport.ListenAsync(Listen(ClientCertificateMode.Required, address));

        var e = await Assert.ThrowsAsync<TransportException>(
            () => first.Transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(address)).AsTask().WaitAsync(s_limit));

        Assert.Equal(TransportError.AuthenticationFailed, e.Error);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Connect_ListenerOfAnotherProcess_ResumesUnderTheSameKeyAlone(byte difference, bool resumed)
    {
        byte[] other = [.. s_key.Select(b => (byte)(b ^ difference))];
        var first = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { SessionTicketKey = () => s_key });
        var address = first.Listener.LocalEndPoint;
        await ExpectAsync(first, resumed: false);
        await first.DisposeAsync();
        await using var later = await new Ngtcp2Transport(new Ngtcp2TransportOptions { SessionTicketKey = () => other })
            .ListenAsync(Ngtcp2Pair.ListenerOptions(address));

        var accept = later.AcceptAsync();
        await using var client = await first.Transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(address)).AsTask().WaitAsync(s_limit);
        await using var server = await accept;

        Assert.Equal(resumed, ((Connection)client).IsResumed);
    }

    [Fact]
    public async Task Connect_RetryAlways_TokenOfTheEarlierConnectionSparesTheSecondOne()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Always });

        Assert.Equal(AddressProof.Retry, await ProofAsync(pair));
        Assert.Equal(AddressProof.EarlierConnection, await ProofAsync(pair));
        Assert.Equal(AddressProof.EarlierConnection, await ProofAsync(pair));
    }

    [Fact]
    public async Task Connect_TokensOff_EveryConnectionIsRetried()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(
            engine: new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Always, AddressTokenLifetime = TimeSpan.Zero });

        Assert.Equal(AddressProof.Retry, await ProofAsync(pair));
        Assert.Equal(AddressProof.Retry, await ProofAsync(pair));
    }

    [Fact]
    public async Task Connect_TokenUnderAnotherKey_IsNoProofAndNoOffence()
    {
        var first = await Ngtcp2Pair.StartAsync();
        var address = first.Listener.LocalEndPoint;
        await ExpectAsync(first, resumed: false);
        await first.DisposeAsync();
        await using var later = await new Ngtcp2Transport().ListenAsync(Ngtcp2Pair.ListenerOptions(address));

        var accept = later.AcceptAsync();
        await using var client = await first.Transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(address)).AsTask().WaitAsync(s_limit);
        await using var server = await accept;

        Assert.Equal(AddressProof.None, ((Connection)server).Proof);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tls_HandshakeDone_IsLetGoOf(bool tickets)
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { ResumptionCacheSize = tickets ? 16 : 0 });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await Ngtcp2PacketTests.EchoAsync(client, server);

        Assert.False(await KeepsTlsAsync(server));
        Assert.False(await KeepsTlsAsync(client));
        await Ngtcp2PacketTests.EchoAsync(client, server);
    }

    private static TransportListenerOptions Listen(
        ClientCertificateMode mode, IPEndPoint? endPoint = null, Func<TlsIdentity>? identity = null, PeerCertificateValidator? validate = null) =>
        new()
        {
            ApplicationProtocols = [Ngtcp2Pair.Protocol],
            EndPoint = endPoint ?? new IPEndPoint(IPAddress.Loopback, 0),
            Tls = new TlsServerOptions
            {
                SelectIdentity = _ => identity?.Invoke() ?? TestCertificates.Shared.Server,
                ClientCertificates = mode,
                ValidateClient = validate ?? CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots),
            },
        };

    private static async Task<ITransportConnection> ExpectAsync(Ngtcp2Pair pair, bool resumed)
    {
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        Assert.Equal(resumed, ((Connection)client).IsResumed);
        Assert.Equal(resumed, ((Connection)server).IsResumed);
        return client;
    }

    private static async Task<AddressProof> ProofAsync(Ngtcp2Pair pair)
    {
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await Ngtcp2PacketTests.EchoAsync(client, server);
        return ((Connection)server).Proof;
    }

    private static Task<bool> KeepsTlsAsync(ITransportConnection connection)
    {
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var native = (Connection)connection;
        native.Loop.Post(() => answer.SetResult(native.KeepsTls));
        return answer.Task.WaitAsync(s_limit);
    }
}
