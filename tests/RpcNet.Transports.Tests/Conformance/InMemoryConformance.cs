using System.Net;
using RpcNet.Testing.InMemory;

namespace RpcNet.Transports.Tests.Conformance;

public sealed class InMemoryConformance : TransportConformance
{
    private readonly InMemoryNetwork _network = new();
    private int _transports;

    protected override string Engine => "InMemory";

    protected override string? UnsupportedReason => null;

    // Virtual time is to find nothing under way elsewhere.
    protected override bool JudgesOnThreadsOfItsOwn => false;

    protected override ITransport CreateTransport() => _network.CreateTransport($"host-{_transports++}");

    protected override BreakablePath CreatePath(IPEndPoint target) =>
        new LinkPath(_network, (InMemoryTransport)Client, (InMemoryTransport)Server, target);

    protected override Task<IPAddress[]> ResolveLocalhostAsync() =>
        Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.IPv6Loopback]);

    private sealed class LinkPath(InMemoryNetwork network, InMemoryTransport client, InMemoryTransport server, IPEndPoint target)
        : BreakablePath
    {
        public override IPEndPoint EndPoint => target;

        public override void Cut() => network.Partition(client, server);

        public override void Restore() => network.Heal(client, server);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
