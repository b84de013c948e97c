using RpcNet.Transports.SystemNetQuic;

namespace RpcNet.Core.Tests.Transports;

public sealed class BoundPortsTests
{
    [Fact]
    public void Lease_OfTheLastUser_DisposedFreesThePort()
    {
        var ports = new BoundPorts();
        var listener = ports.Take(7000);
        var connection = listener.Again();

        listener.Dispose();
        listener.Dispose();
        Assert.True(ports.Holds(7000));
        connection.Dispose();

        Assert.False(ports.Holds(7000));
        Assert.Equal(0, ports.Count);
    }

    [Fact]
    public void Take_ManyPortsOneAfterAnother_NothingRemains()
    {
        var ports = new BoundPorts();
        using var kept = ports.Take(1);

        for (var port = 2; port < 1000; port++)
        {
            ports.Take(port).Dispose();
        }

        Assert.Equal(1, ports.Count);
        Assert.True(ports.Holds(1));
    }
}
