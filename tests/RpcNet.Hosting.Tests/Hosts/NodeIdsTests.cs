using RpcNet.Cluster;
using RpcNet.Hosting.Cluster;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class NodeIdsTests
{
    [Theory]
    [InlineData("127.0.0.1:61000", "box:61000")]
    [InlineData("[::1]:61000", "box:61000")]
    [InlineData("0.0.0.0:61000", "box:61000")]
    [InlineData("localhost:61000", "box:61000")]
    [InlineData("10.0.0.5:61000", "10.0.0.5:61000")]
    [InlineData("[fd00::5]:61000", "[fd00::5]:61000")]
    [InlineData("127.0.0.1:0", null)]
    [InlineData("", null)]
    public void Id_NotConfigured_ComesFromWhatIsUnique(string listen, string? expected) =>
        Assert.Equal(expected, NodeIds.ForListener("box", ClusterOptions.ParseEndPoint(listen)));

    [Fact]
    public void Id_OfALongMachineName_IsValid() =>
        Assert.True(NodeId.TryParse(NodeIds.ForListener(new string('x', 200) + " ü", ClusterOptions.ParseEndPoint("0.0.0.0:65535")), null, out _));
}
