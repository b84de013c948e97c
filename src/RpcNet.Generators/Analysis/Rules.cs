using Microsoft.CodeAnalysis;

namespace RpcNet.Generators.Analysis;

/// <summary>Every diagnostic; each has a page in docs/diagnostics.</summary>
internal static class Rules
{
    private const string Category = "RpcNet";
    private const string HelpFolder = "docs/diagnostics/";

    /// <summary>The property of a diagnostic that names the type a code fix has to write.</summary>
    public const string TypeProperty = "Type";

    public static readonly DiagnosticDescriptor MissingCancellationToken = Create(
        "RPCNET001",
        DiagnosticSeverity.Info,
        "Contract method takes no CancellationToken",
        "'{0}' takes no CancellationToken: its callers cannot cancel it and its handler cannot see that they did");

    public static readonly DiagnosticDescriptor UnsupportedReturnType = Create(
        "RPCNET002",
        DiagnosticSeverity.Error,
        "Contract method has an unsupported return type",
        "'{0}' returns '{1}': a contract method returns ValueTask, ValueTask<T>, Task, Task<T> or IAsyncEnumerable<T>");

    public static readonly DiagnosticDescriptor UnsupportedParameter = Create(
        "RPCNET003",
        DiagnosticSeverity.Error,
        "Contract method has an unsupported parameter",
        "Parameter '{0}' of '{1}' cannot travel: {2}");

    public static readonly DiagnosticDescriptor Overload = Create(
        "RPCNET004",
        DiagnosticSeverity.Error,
        "Overloaded contract methods share a wire name",
        "The overloads of '{0}' share the wire name '{1}': rename one or give it [RpcMethod(Name = \"...\")]");

    public static readonly DiagnosticDescriptor GenericMethod = Create(
        "RPCNET005",
        DiagnosticSeverity.Error,
        "Contract method is generic",
        "'{0}' is generic: the server cannot know which types a caller will choose");

    public static readonly DiagnosticDescriptor UnsupportedMember = Create(
        "RPCNET006",
        DiagnosticSeverity.Error,
        "Contract has a member that is no method",
        "'{0}' is {1}: a contract has asynchronous instance methods only");

    public static readonly DiagnosticDescriptor DuplicateWireName = Create(
        "RPCNET007",
        DiagnosticSeverity.Error,
        "Contract methods share a wire name",
        "'{0}' has the wire name '{1}', which '{2}' has already");

    public static readonly DiagnosticDescriptor InvalidName = Create(
        "RPCNET008",
        DiagnosticSeverity.Error,
        "Wire name is invalid",
        "The {0} name '{1}' is invalid: it needs 1 to 200 printable ASCII characters, without '/' and spaces");

    public static readonly DiagnosticDescriptor SeveralStreams = Create(
        "RPCNET009",
        DiagnosticSeverity.Error,
        "Contract method takes more than one stream",
        "'{0}' takes more than one IAsyncEnumerable<T>: a call carries at most one stream in each direction");

    public static readonly DiagnosticDescriptor MissingShape = Create(
        "RPCNET010",
        DiagnosticSeverity.Error,
        "Message type has no [GenerateShape]",
        "'{0}' travels in '{1}' and cannot be serialized: make it partial and put [GenerateShape] on it");

    public static readonly DiagnosticDescriptor MissingWitness = Create(
        "RPCNET011",
        DiagnosticSeverity.Error,
        "Message type needs [GenerateShapeFor]",
        "'{0}' travels in '{1}' and has no shape of its own: put [GenerateShapeFor<{0}>] on a partial class of this assembly");

    public static readonly DiagnosticDescriptor MisplacedRpcMethod = Create(
        "RPCNET012",
        DiagnosticSeverity.Warning,
        "[RpcMethod] has no effect here",
        "[RpcMethod] on '{0}' has no effect: {1}");

    public static readonly DiagnosticDescriptor GenericContract = Create(
        "RPCNET013",
        DiagnosticSeverity.Error,
        "Contract is generic",
        "'{0}' is generic or nested in a generic type: a contract names one service");

    public static readonly DiagnosticDescriptor InaccessibleContract = Create(
        "RPCNET014",
        DiagnosticSeverity.Error,
        "Contract is not accessible",
        "'{0}' must be public or internal, as must the types it is nested in: generated code implements it");

    public static readonly DiagnosticDescriptor GeneratedNameClash = Create(
        "RPCNET015",
        DiagnosticSeverity.Error,
        "Generated name is taken",
        "'{0}' makes the generator write '{1}', which {2} has as well");

    public static readonly DiagnosticDescriptor UnserializableType = Create(
        "RPCNET016",
        DiagnosticSeverity.Error,
        "Type cannot travel",
        "'{0}' travels in '{1}' and can never be serialized: {2}");

    public static readonly DiagnosticDescriptor InvalidTimeout = Create(
        "RPCNET017",
        DiagnosticSeverity.Error,
        "TimeoutMilliseconds is negative",
        "'{0}' has TimeoutMilliseconds = {1}: it needs 0 (none) or more");

    public static readonly DiagnosticDescriptor NotReplayable = Create(
        "RPCNET019",
        DiagnosticSeverity.Error,
        "Replayable method is not idempotent or not unary",
        "'{0}' is marked Replayable: that needs Idempotent = true, and a method without streams");

    public static readonly DiagnosticDescriptor DuplicateService = Create(
        "RPCNET018",
        DiagnosticSeverity.Warning,
        "Contracts share a service name",
        "'{0}' has the service name '{1}', which '{2}' has already: one server cannot host both",
        WellKnownDiagnosticTags.CompilationEnd);

    public static readonly DiagnosticDescriptor BaselineMethodRemoved = Create(
        "RPCNET020",
        DiagnosticSeverity.Error,
        "Contract change breaks callers: method removed",
        "The method '{0}' is in rpc.contract.json and no longer in the contract: callers built against it get Unimplemented");

    public static readonly DiagnosticDescriptor BaselineChanged = Create(
        "RPCNET021",
        DiagnosticSeverity.Error,
        "Contract change breaks callers: signature changed",
        "'{0}' changed its {1} from {2} to {3} since rpc.contract.json was written: callers built against it fail");

    public static readonly DiagnosticDescriptor BaselineOutdated = Create(
        "RPCNET022",
        DiagnosticSeverity.Info,
        "Contract is not in the baseline",
        "'{0}' is not in rpc.contract.json: a later breaking change to it would go unnoticed");

    public static readonly DiagnosticDescriptor BaselineUnreadable = Create(
        "RPCNET023",
        DiagnosticSeverity.Error,
        "Contract baseline cannot be read",
        "rpc.contract.json cannot be read: {0}",
        WellKnownDiagnosticTags.CompilationEnd);

    public static readonly DiagnosticDescriptor BaselineServiceRemoved = Create(
        "RPCNET024",
        DiagnosticSeverity.Error,
        "Contract change breaks callers: service removed",
        "The service '{0}' is in rpc.contract.json and no longer in the project: callers built against it get Unimplemented",
        WellKnownDiagnosticTags.CompilationEnd);

    private static DiagnosticDescriptor Create(
        string id, DiagnosticSeverity severity, string title, string message, params string[] tags) =>
        new(
            id,
            title,
            message,
            Category,
            severity,
            isEnabledByDefault: true,
            description: null,
            helpLinkUri: $"{HelpFolder}{id}.md",
            customTags: tags);
}
