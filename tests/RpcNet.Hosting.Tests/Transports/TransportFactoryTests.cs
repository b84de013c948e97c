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

    private static TransportFactory Factory(string? quic, string? ngtcp2) => new(
    [
        new TransportCandidate(RpcTransportEngine.SystemNetQuic, () => quic, () => Network.CreateTransport("quic")),
        new TransportCandidate(RpcTransportEngine.Ngtcp2, () => ngtcp2, () => Network.CreateTransport("ngtcp2")),
    ]);
}
