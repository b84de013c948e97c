using RpcNet.Hosting.Transports;
using RpcNet.Testing.InMemory;

namespace RpcNet.Hosting.Tests.Transports;

public sealed class TransportFactoryTests
{
    private static readonly InMemoryNetwork Network = new();

    [Fact]
    public void Auto_BothLoad_TakesSystemNetQuic() =>
        Assert.Equal("quic", ((InMemoryTransport)Factory(quic: null, ngtcp2: null).Create(RpcTransportEngine.Auto)).Host);

    [Fact]
    public void Auto_FirstCannotLoad_TakesTheSecond() =>
        Assert.Equal("ngtcp2", ((InMemoryTransport)Factory(quic: "no libmsquic", ngtcp2: null).Create(RpcTransportEngine.Auto)).Host);

    [Fact]
    public void Auto_NoneLoads_NamesBothAndWhatToInstall()
    {
        var e = Assert.Throws<RpcNetStartupException>(
            () => Factory("needs libmsquic: apt-get install libmsquic", "needs libngtcp2: apt-get install libngtcp2-crypto-gnutls8").Create(RpcTransportEngine.Auto));
        Assert.StartsWith("RpcNet:Transport:Engine = 'Auto': no QUIC engine can be loaded here", e.Message);
        Assert.Contains("apt-get install libmsquic", e.Message);
        Assert.Contains("apt-get install libngtcp2-crypto-gnutls8", e.Message);
    }

    [Fact]
    public void Named_CannotLoad_DoesNotFallBack()
    {
        var e = Assert.Throws<RpcNetStartupException>(() => Factory("needs libmsquic", ngtcp2: null).Create(RpcTransportEngine.SystemNetQuic));
        Assert.Equal("RpcNet:Transport:Engine = 'SystemNetQuic': this QUIC engine cannot be loaded here. SystemNetQuic: needs libmsquic.", e.Message);
    }

    [Theory]
    [InlineData(RpcTransportEngine.Auto)]
    [InlineData(RpcTransportEngine.SystemNetQuic)]
    public void SystemNetQuicInUse_SettingOfNgtcp2Chosen_SaysSoAtStart(RpcTransportEngine engine)
    {
        var chosen = new RpcNetNgtcp2Options { IoThreads = 4, Retry = RpcNet.Transports.Ngtcp2.Ngtcp2RetryPolicy.Always }.Chosen();

        var e = Assert.Throws<RpcNetStartupException>(() => Factory(quic: null, ngtcp2: null, [.. chosen]).Create(engine));

        Assert.Contains("RpcNet:Transport:Ngtcp2:IoThreads = '4': the engine in use, SystemNetQuic, cannot do this", e.Message);
        Assert.Contains("RpcNet:Transport:Ngtcp2:Retry = 'Always'", e.Message);
    }

    [Fact]
    public void Ngtcp2InUse_ItsSettingsChosen_AreTaken() =>
        Assert.Equal("ngtcp2", ((InMemoryTransport)Factory(quic: "absent", ngtcp2: null, ["IoThreads = '4'"]).Create(RpcTransportEngine.Auto)).Host);

    [Fact]
    public void Ngtcp2Options_EverySetting_IsNoticedAndReachesTheEngine()
    {
        var options = new RpcNetNgtcp2Options
        {
            CongestionControl = RpcNet.Transports.Ngtcp2.Ngtcp2CongestionControl.Bbr,
            Retry = RpcNet.Transports.Ngtcp2.Ngtcp2RetryPolicy.Never,
            IoThreads = 3,
            BusyPoll = TimeSpan.Zero,
            SessionTickets = false,
            AcceptEarlyData = true,
            KeyUpdateBytes = 1 << 20,
        };

        var engine = options.ToEngine(default);

        Assert.Equal(typeof(RpcNetNgtcp2Options).GetProperties().Length, options.Chosen().Count());
        Assert.Empty(new RpcNetNgtcp2Options().Chosen());
        foreach (var property in typeof(RpcNetNgtcp2Options).GetProperties())
        {
            Assert.Equal($"{property.GetValue(options)}", $"{engine.GetType().GetProperty(property.Name)!.GetValue(engine)}");
        }
    }

    private static TransportFactory Factory(string? quic, string? ngtcp2, IReadOnlyList<string>? impossible = null) => new(
    [
        new TransportCandidate(RpcTransportEngine.SystemNetQuic, () => quic, () => Network.CreateTransport("quic"), impossible ?? []),
        new TransportCandidate(RpcTransportEngine.Ngtcp2, () => ngtcp2, () => Network.CreateTransport("ngtcp2"), []),
    ]);
}
