using System.Net;
using RpcNet.Testing.FaultProxy;

namespace RpcNet.Transports.Tests.Conformance;

/// <summary>A way from a client to a listener that a test can cut, so that each side finds the other one silent.</summary>
public abstract class BreakablePath : IAsyncDisposable
{
    /// <summary>Where the client connects to.</summary>
    public abstract IPEndPoint EndPoint { get; }

    /// <summary>Drops everything from now on.</summary>
    public abstract void Cut();

    /// <summary>Lets everything pass again.</summary>
    public abstract void Restore();

    public abstract ValueTask DisposeAsync();
}

/// <summary>The path of an engine that uses UDP: through the fault proxy.</summary>
public sealed class ProxiedPath(IPEndPoint target) : BreakablePath
{
    private readonly UdpFaultProxy _proxy = new(target);

    public override IPEndPoint EndPoint => _proxy.EndPoint;

    public override void Cut() => _proxy.SetFaults(new UdpFaults { Blackhole = true });

    public override void Restore() => _proxy.SetFaults(UdpFaults.None);

    /// <summary>Gives the client another address towards the listener, as a NAT may.</summary>
    public void Rebind() => _proxy.Rebind();

    public override ValueTask DisposeAsync() => _proxy.DisposeAsync();
}
