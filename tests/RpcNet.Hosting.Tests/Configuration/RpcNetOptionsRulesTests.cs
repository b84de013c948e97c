using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Configuration;

public sealed class RpcNetOptionsRulesTests
{
    public static TheoryData<string, Action<RpcNetOptions>> WrongOptions => new()
    {
        { "RpcNet:Listen:Address = 'nowhere': must be \"host:port\"", o => o.Listen.Address = "nowhere" },
        { "RpcNet:Listen:Backlog = '0': must be from 1 to 65535.", o => o.Listen.Backlog = 0 },
        { "RpcNet:Director = 'x': must be \"host:port\"", o => o.Director = "x" },
        { "RpcNet:Transport:Engine = '7': must be Auto, SystemNetQuic or Ngtcp2.", o => o.Transport.Engine = (RpcTransportEngine)7 },
        {
            "RpcNet:Transport:KeepAliveInterval = '00:00:03': must be shorter than RpcNet:Transport:IdleTimeout = '00:00:02.5000000'.",
            o => o.Transport.KeepAliveInterval = TimeSpan.FromSeconds(3)
        },
        { "RpcNet:Transport:IdleTimeout = '02:00:00': must be from", o => o.Transport.IdleTimeout = TimeSpan.FromHours(2) },
        { "RpcNet:Transport:HandshakeTimeout = '00:00:00': must be from", o => o.Transport.HandshakeTimeout = TimeSpan.Zero },
        { "RpcNet:Transport:StreamReceiveWindow = '1': must be from", o => o.Transport.StreamReceiveWindow = 1 },
        { "RpcNet:Transport:ConnectionReceiveWindow = '16384': must be at least RpcNet:Transport:StreamReceiveWindow", o => o.Transport.ConnectionReceiveWindow = 16384 },
        { "RpcNet:Certificates:PfxPath = 'b': contradicts RpcNet:Certificates:Path = 'a'", o => (o.Certificates.Path, o.Certificates.PfxPath) = ("a", "b") },
        { "RpcNet:Certificates:Client:KeyPath = 'k': needs RpcNet:Certificates:Client:Path", o => o.Certificates.Client.KeyPath = "k" },
        { "RpcNet:Certificates:Names:a.test: needs Path and KeyPath, or PfxPath.", o => o.Certificates.Names["a.test"] = new() },
        { "RpcNet:Certificates:ReloadInterval = '00:00:06': must be from", o => o.Certificates.ReloadInterval = TimeSpan.FromSeconds(6) },
        { "RpcNet:Certificates:DevelopmentDirectory = '': must be a path", o => o.Certificates.DevelopmentDirectory = "" },
        { "RpcNet:Server:MaxConcurrentCalls = '0': must be from", o => o.Server.MaxConcurrentCalls = 0 },
        { "RpcNet:Server:DrainTimeout = '-00:00:01': must be from", o => o.Server.DrainTimeout = TimeSpan.FromSeconds(-1) },
        { "RpcNet:Server:Limits:MessageBytes = '1': must be from", o => (o.Server.Limits.MessageBytes, o.Server.Limits.InlinePayloadBytes) = (1, 0) },
        { "RpcNet:Server:Limits:InlinePayloadBytes = '16384': must not exceed RpcNet:Server:Limits:MessageBytes = '2048'.", o => o.Server.Limits.MessageBytes = 2048 },
        { "RpcNet:Server:Limits:MetadataBytes = '0': must be from", o => o.Server.Limits.MetadataBytes = 0 },
        { "RpcNet:Server:Limits:CallsPerConnection = '0': must be from", o => o.Server.Limits.CallsPerConnection = 0 },
        { "RpcNet:Server:Limits:LaneQueueBytes = '0': must be from", o => o.Server.Limits.LaneQueueBytes = 0 },
        { "RpcNet:Server:Limits:Lanes = '17': must be from 1 to 16.", o => o.Server.Limits.Lanes = 17 },
        { "RpcNet:Compression:Algorithm = '9': must be None or Brotli.", o => o.Compression.Algorithm = (RpcCompressionAlgorithm)9 },
        { "RpcNet:Compression:ThresholdBytes = '63': must be from 64 to 1073741824.", o => o.Compression.ThresholdBytes = 63 },
        { "RpcNet:Compression:Level = '12': must be from 0 to 11.", o => o.Compression.Level = 12 },
        { "RpcNet:Clients:IGreter: this application has no such client; it has IGreeter.", o => o.Clients["IGreter"] = new() },
    };

    public static TheoryData<string, Action<RpcClientOptions>> WrongClients => new()
    {
        { "RpcNet:Clients:c: needs exactly one target and has 0", o => o.Address = null },
        { "RpcNet:Clients:c: needs exactly one target and has 2", o => o.Director = "a:1" },
        { "RpcNet:Clients:c:Address = 'a': must be \"host:port\"", o => o.Address = "a" },
        { "RpcNet:Clients:c:Address = 'a:0': must be \"host:port\"", o => o.Address = "a:0" },
        { "RpcNet:Clients:c:Cluster:Tags = 'role=worker': needs AddCluster", o => (o.Address, o.Cluster.Tags) = (null, "role=worker") },
        { "RpcNet:Clients:c:Cluster:MaxAttempts is 0; it must be from 1 to 100.", o => o.Cluster.MaxAttempts = 0 },
        { "RpcNet:Clients:c:Connections = '65': must be from 1 to 64.", o => o.Connections = 65 },
        { "RpcNet:Clients:c:ConnectTimeout = '00:00:00': must be from", o => o.ConnectTimeout = TimeSpan.Zero },
        { "RpcNet:Clients:c:MaxReconnectDelay = '00:00:00': must be from", o => o.MaxReconnectDelay = TimeSpan.Zero },
        { "RpcNet:Clients:c:DefaultTimeout = '00:00:00': must be from", o => o.DefaultTimeout = TimeSpan.Zero },
    };

    [Fact]
    public void Options_Default_HaveNoComplaint() =>
        Assert.Empty(RpcNetOptionsRules.Check(new RpcNetOptions(), new RpcNetRegistration(), "RpcNet"));

    [Theory]
    [MemberData(nameof(WrongOptions), DisableDiscoveryEnumeration = true)]
    public void Options_Wrong_AreNamedWithValueAndRange(string complaint, Action<RpcNetOptions> spoil)
    {
        var options = new RpcNetOptions();
        spoil(options);
        var registration = new RpcNetRegistration();
        registration.Clients.Add(new ClientRegistration("IGreeter", typeof(object)));
        Assert.StartsWith(complaint, Assert.Single(RpcNetOptionsRules.Check(options, registration, "RpcNet")));
    }

    [Theory]
    [MemberData(nameof(WrongClients), DisableDiscoveryEnumeration = true)]
    public void Client_Wrong_IsNamedWithValueAndRange(string complaint, Action<RpcClientOptions> spoil)
    {
        var options = new RpcClientOptions { Address = "a:1" };
        spoil(options);
        Assert.StartsWith(complaint, Assert.Single(RpcNetOptionsRules.Check(options, "c", new RpcNetRegistration(), "RpcNet")));
    }

    [Fact]
    public void Listen_EmptyInAMember_IsAComplaint() => Assert.Contains(
        "RpcNet:Listen:Address = '': must be set",
        Assert.Single(RpcNetOptionsRules.Check(new RpcNetOptions(), new RpcNetRegistration { HasCluster = true }, "RpcNet")));

    [Fact]
    public void Cluster_WrongInASectionOfAnotherName_IsNamedByThatSection()
    {
        var options = new RpcNetOptions { Listen = { Address = "127.0.0.1:1" }, Cluster = { GossipFanout = 0 } };
        Assert.StartsWith(
            "My:Rpc:Cluster:GossipFanout must be from 1 to 32",
            Assert.Single(RpcNetOptionsRules.Check(options, new RpcNetRegistration { HasCluster = true }, "My:Rpc")));
    }
}
