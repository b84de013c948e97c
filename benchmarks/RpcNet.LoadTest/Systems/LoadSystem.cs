using RpcNet.LoadTest.Coordination;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.LoadTest.Systems;

/// <summary>One thing that is compared: how to make its server and its client, or why that cannot be done here.</summary>
/// <param name="Name">The name in results and on the command line.</param>
/// <param name="Engine">What carries the bytes.</param>
/// <param name="Kinds">The work that it has.</param>
/// <param name="Unavailable">Why it cannot run here; null when it can.</param>
/// <param name="CreateServer">Makes a server that is not started yet.</param>
/// <param name="CreateClient">Makes a client that is not connected yet.</param>
internal sealed record LoadSystem(
    string Name,
    string Engine,
    IReadOnlyList<WorkKind> Kinds,
    string? Unavailable,
    Func<LoadServer> CreateServer,
    Func<ServerAddress, LoadClient> CreateClient)
{
    /// <summary>The id of a child process's system: name and engine.</summary>
    public string Id => $"{Name}/{Engine}";

    private static readonly WorkKind[] AllKinds = Enum.GetValues<WorkKind>();

    private static readonly WorkKind[] BareKinds =
        [WorkKind.Unary, WorkKind.Receive, WorkKind.Connect, WorkKind.UnaryBesideStream, WorkKind.Idle];

#if PEER_STREAMJSONRPC
    // A stream given as an argument ends when the method has returned, though its result be a stream.
    private static readonly WorkKind[] StreamJsonRpcKinds = [.. AllKinds.Except([WorkKind.Exchange])];
#endif

#if PEER_ORLEANS
    // A grain takes no stream, and connections belong to the whole client, not to a call site.
    private static readonly WorkKind[] OrleansKinds = [WorkKind.Unary, WorkKind.Receive, WorkKind.UnaryBesideStream];
#endif

    /// <summary>All systems, those that cannot run included.</summary>
    public static IReadOnlyList<LoadSystem> All { get; } =
    [
        .. Engines.SelectMany(static e => new LoadSystem[]
        {
            new("rpcnet", e.Name, AllKinds, e.Unavailable, () => new RpcNetLoadServer(e.Create()), a => new RpcNetLoadClient(e.Create(), a)),
            new("rpcnet-noscope", e.Name, AllKinds, e.Unavailable, () => new ScopelessLoadServer(e.Create()), a => new RpcNetLoadClient(e.Create(), a)),
            new("bare", e.Name, BareKinds, e.Unavailable, () => new BareLoadServer(e.Create()), a => new BareLoadClient(e.Create(), a)),
        }).OrderByDescending(static s => s.Name, StringComparer.Ordinal),
#if PEER_GRPC
        new("grpc", "HTTP/2+TLS", AllKinds, null, static () => new GrpcLoadServer(), static a => new GrpcLoadClient(a)),
#else
        Missing("grpc", "HTTP/2+TLS"),
#endif
#if PEER_STREAMJSONRPC
        new("streamjsonrpc", "TCP+TLS", StreamJsonRpcKinds, null, static () => new StreamJsonRpcLoadServer(), static a => new StreamJsonRpcLoadClient(a)),
#else
        Missing("streamjsonrpc", "TCP+TLS"),
#endif
#if PEER_ORLEANS
        new("orleans", "TCP", OrleansKinds, null, static () => new OrleansLoadServer(), static a => new OrleansLoadClient(a)),
#else
        Missing("orleans", "TCP"),
#endif
    ];

    private static IEnumerable<(string Name, string? Unavailable, Func<ITransport> Create)> Engines =>
    [
        ("Ngtcp2", Ngtcp2Transport.UnsupportedReason, static () => new Ngtcp2Transport()),
        ("SystemNetQuic", SystemNetQuicTransport.UnsupportedReason, static () => new SystemNetQuicTransport()),
    ];

#if !PEER_GRPC || !PEER_STREAMJSONRPC || !PEER_ORLEANS
    private static LoadSystem Missing(string name, string engine) => new(
        name, engine, AllKinds, "this build does not contain it", static () => throw new NotSupportedException(), static _ => throw new NotSupportedException());
#endif
}

/// <summary>Where a server listens, and the certificate that it will show.</summary>
/// <param name="Port">On 127.0.0.1.</param>
/// <param name="Certificate">DER, Base64.</param>
internal sealed record ServerAddress(int Port, string Certificate);
