namespace RpcNet.LoadTest.Coordination;

/// <summary>The kind of work that a scenario consists of.</summary>
internal enum WorkKind
{
    /// <summary>Calls that echo a payload.</summary>
    Unary,

    /// <summary>Messages from the server.</summary>
    Receive,

    /// <summary>Messages to the server.</summary>
    Send,

    /// <summary>Messages to the server, each echoed on the same stream.</summary>
    Exchange,

    /// <summary>A connection, one call on it, and its end.</summary>
    Connect,

    /// <summary>Unary calls, one at a time, on the connection that carries a stream of large messages.</summary>
    UnaryBesideStream,

    /// <summary>Connections that do nothing.</summary>
    Idle,
}

/// <summary>One row group of the comparison.</summary>
/// <param name="Name">The name on the command line and in results.</param>
/// <param name="Title">What is done, for readers.</param>
/// <param name="Kind">The work.</param>
/// <param name="PayloadBytes">Bytes of each payload or message.</param>
/// <param name="Concurrency">Calls, streams or connections at once; null takes the command line's.</param>
/// <param name="StreamShare">Of <see cref="WorkKind.UnaryBesideStream"/>: the stream's part of its full rate.</param>
internal sealed record Scenario(
    string Name, string Title, WorkKind Kind, int PayloadBytes, int[]? Concurrency = null, double StreamShare = 1)
{
    private const int KiB = 1024;

    public static readonly IReadOnlyList<Scenario> All =
    [
        new("unary", "Unary calls, 100 B", WorkKind.Unary, 100),
        new("unary-1k", "Unary calls, 1 KiB", WorkKind.Unary, KiB, [64]),
        new("unary-16k", "Unary calls, 16 KiB", WorkKind.Unary, 16 * KiB, [64]),
        new("unary-256k", "Unary calls, 256 KiB", WorkKind.Unary, 256 * KiB, [16]),
        new("unary-4m", "Unary calls, 4 MiB", WorkKind.Unary, 4 * KiB * KiB, [4]),
        new("server-stream", "Server streaming, 100 B messages", WorkKind.Receive, 100, [1, 64]),
        new("client-stream", "Client streaming, 100 B messages", WorkKind.Send, 100, [1, 64]),
        new("bidi-stream", "Bidirectional streaming, 100 B messages echoed", WorkKind.Exchange, 100, [1, 64]),
        new("bulk", "Bulk: server streaming, 64 KiB messages", WorkKind.Receive, 64 * KiB, [1]),
        new("connect", "Connect, one call, close", WorkKind.Connect, 100, [8]),
        new("mixed", "Unary calls one at a time beside a saturating bulk stream", WorkKind.UnaryBesideStream, 100, [1]),
        new("mixed-half", "Unary calls one at a time beside bulk at half its rate", WorkKind.UnaryBesideStream, 100, [1], 0.5),
        new("idle", "Idle connections", WorkKind.Idle, 100, [10_000]),
    ];

    /// <summary>Bytes of a message of the stream beside unary calls.</summary>
    public const int BulkMessageBytes = 64 * KiB;

    /// <summary>Whether the result is messages, not calls.</summary>
    public bool IsStream => Kind is WorkKind.Receive or WorkKind.Send or WorkKind.Exchange;

    /// <summary>Whether the result is megabytes per second.</summary>
    public bool IsBulk => IsStream && PayloadBytes >= 16 * KiB;

    /// <summary>Finds scenarios by name; "payloads" and "streams" name several.</summary>
    /// <exception cref="UsageException">There is no such name.</exception>
    public static IReadOnlyList<Scenario> Select(IEnumerable<string> names) =>
        [.. names.SelectMany(static name => name switch
        {
            "all" => All,
            "payloads" => All.Where(static s => s.Kind == WorkKind.Unary && s.PayloadBytes > 100),
            "streams" => All.Where(static s => s.IsStream && !s.IsBulk),
            _ => All.Where(s => s.Name == name).DefaultIfEmpty(null!),
        }).Select(static s => s ?? throw new UsageException(
            $"there is no such scenario; known are {string.Join(", ", All.Select(static k => k.Name))}, payloads, streams, all")).Distinct()];
}
