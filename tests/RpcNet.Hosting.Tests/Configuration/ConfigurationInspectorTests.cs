using Microsoft.Extensions.Configuration;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Configuration;

public sealed class ConfigurationInspectorTests
{
    [Theory]
    [InlineData("RpcNet:Clustre:ClusterName", "x", "RpcNet:Clustre is not a setting of RpcNet. Did you mean RpcNet:Cluster?")]
    [InlineData("RpcNet:Listen:Adress", "x", "RpcNet:Listen:Adress is not a setting of RpcNet. Did you mean RpcNet:Listen:Address?")]
    [InlineData("RpcNet:Cluster:Phi:Treshold", "8", "RpcNet:Cluster:Phi:Treshold is not a setting of RpcNet. Did you mean RpcNet:Cluster:Phi:Threshold?")]
    [InlineData("RpcNet:KeepAliveInterval", "00:00:01", "RpcNet:KeepAliveInterval is not a setting of RpcNet. Did you mean RpcNet:Transport:KeepAliveInterval?")]
    [InlineData("RpcNet:Clients:IGreeter:Adress", "x", "RpcNet:Clients:IGreeter:Adress is not a setting of RpcNet. Did you mean RpcNet:Clients:IGreeter:Address?")]
    [InlineData("RpcNet:Listen:Banana", "x", "RpcNet:Listen:Banana is not a setting of RpcNet. Valid here: Address, Backlog.")]
    [InlineData("RpcNet:Transport:Engine", "Carrier", "RpcNet:Transport:Engine = 'Carrier': must be Auto, SystemNetQuic or Ngtcp2.")]
    [InlineData("RpcNet:Transport:IdleTimeout", "5", "RpcNet:Transport:IdleTimeout = '5': must be a duration \"hours:minutes:seconds\", such as \"00:00:02.5\".")]
    [InlineData("RpcNet:Listen:Backlog", "many", "RpcNet:Listen:Backlog = 'many': must be a whole number.")]
    [InlineData("RpcNet:Listen:Backlog", "99999999999", "RpcNet:Listen:Backlog = '99999999999': must be a whole number.")]
    [InlineData("RpcNet:Cluster:Phi:Enabled", "yes", "RpcNet:Cluster:Phi:Enabled = 'yes': must be true or false.")]
    [InlineData("RpcNet:Cluster:Phi:Threshold", "high", "RpcNet:Cluster:Phi:Threshold = 'high': must be a number.")]
    [InlineData("RpcNet:Listen:Address:Port", "1", "RpcNet:Listen:Address takes one value, not a section.")]
    [InlineData("RpcNet:Listen", "x", "RpcNet:Listen = 'x': is a section and takes no value of its own.")]
    [InlineData("RpcNet:Cluster:Seeds:first", "x", "RpcNet:Cluster:Seeds:first: RpcNet:Cluster:Seeds is a list; its keys are 0, 1, 2, …")]
    public void Key_Wrong_IsNamedWithTheRemedy(string key, string value, string complaint) =>
        Assert.Equal(complaint, Assert.Single(Inspect((key, value)).Complaints));

    [Fact]
    public void Keys_Right_AreBoundWhateverTheirCase()
    {
        var inspected = Inspect(
            ("rpcnet:listen:address", "127.0.0.1:1"), ("RpcNet:Cluster:Tags:label", "a"), ("RpcNet:Cluster:Seeds:0", "h:1"), ("RpcNet:Transport:Engine", "ngtcp2"));
        Assert.Empty(inspected.Complaints);
        var options = inspected.Sound.Get<RpcNetOptions>()!;
        Assert.Equal("127.0.0.1:1", options.Listen.Address);
        Assert.Equal("a", options.Cluster.Tags["label"]);
        Assert.Equal(["h:1"], options.Cluster.Seeds);
        Assert.Equal(RpcTransportEngine.Ngtcp2, options.Transport.Engine);
    }

    [Fact]
    public void Keys_SeveralWrong_AreAllNamedAndTheRestIsBound()
    {
        var inspected = Inspect(("RpcNet:Lisen:Address", "x"), ("RpcNet:Transport:Engine", "x"), ("RpcNet:Listen:Address", "127.0.0.1:1"));
        Assert.Equal(2, inspected.Complaints.Count);
        Assert.Equal("127.0.0.1:1", inspected.Sound["Listen:Address"]);
        Assert.Null(inspected.Sound["Transport:Engine"]);
    }

    [Fact]
    public void Section_OfAnotherName_IsNamedAsItIs()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("My:Rpc:Listn:Address", "x")]).Build();
        Assert.StartsWith("My:Rpc:Listn is not", Assert.Single(ConfigurationInspector.Inspect(configuration.GetSection("My:Rpc")).Complaints));
    }

    private static ConfigurationInspector Inspect(params (string Key, string Value)[] settings) =>
        ConfigurationInspector.Inspect(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(static s => KeyValuePair.Create(s.Key, (string?)s.Value)))
            .Build()
            .GetSection("RpcNet"));
}
