namespace RpcNet.Generators.Contracts;

/// <summary>All that the writer needs of a contract, without symbols.</summary>
/// <param name="Namespace">Escaped; empty for the global namespace.</param>
/// <param name="Interface">Fully qualified with <c>global::</c>.</param>
/// <param name="BaseName">What the generated names start with: "Compute" for <c>ICompute</c>.</param>
/// <param name="Accessibility">"public" or "internal".</param>
/// <param name="ServiceName">The name on the wire.</param>
/// <param name="ForeignShapes">Expressions for the shape providers of message types from other assemblies.</param>
internal sealed record ContractModel(
    string Namespace,
    string Interface,
    string BaseName,
    string Accessibility,
    string ServiceName,
    EquatableArray<MethodModel> Methods,
    EquatableArray<string> ForeignShapes)
{
    public string HintName => Namespace.Length == 0 ? BaseName : $"{Namespace.Replace("@", "")}.{BaseName}";

    public string Qualify(string suffix) =>
        Namespace.Length == 0 ? $"global::{BaseName}{suffix}" : $"global::{Namespace}.{BaseName}{suffix}";
}

/// <summary>The four kinds of call; the names equal RpcMethodKind's.</summary>
internal enum CallKind
{
    Unary,
    ServerStreaming,
    ClientStreaming,
    Bidirectional,
}

/// <summary>What a method returns.</summary>
internal enum ReturnKind
{
    ValueTask,
    ValueTaskOfT,
    Task,
    TaskOfT,
    AsyncEnumerable,
}

/// <summary>One method of a contract.</summary>
/// <param name="Identifier">The C# name, escaped.</param>
/// <param name="MemberName">The unique start of the generated members' names.</param>
/// <param name="WireName">The name on the wire.</param>
/// <param name="DeclaringInterface">Fully qualified; differs from the contract for an inherited method.</param>
/// <param name="ReturnType">The whole return type.</param>
/// <param name="ResultType">The result or the item of the response stream; null where there is none.</param>
/// <param name="ResultName">The same for people and the baseline, without annotations.</param>
/// <param name="TimeoutMilliseconds">0 for none.</param>
internal sealed record MethodModel(
    string Identifier,
    string MemberName,
    string WireName,
    string DeclaringInterface,
    ReturnKind Returns,
    string ReturnType,
    string? ResultType,
    string? ResultName,
    EquatableArray<ParameterModel> Parameters,
    bool Idempotent,
    bool Replayable,
    int TimeoutMilliseconds)
{
    public CallKind Kind => (Stream is not null, Returns == ReturnKind.AsyncEnumerable) switch
    {
        (false, false) => CallKind.Unary,
        (false, true) => CallKind.ServerStreaming,
        (true, false) => CallKind.ClientStreaming,
        (true, true) => CallKind.Bidirectional,
    };

    public ParameterModel? Stream => Parameters.FirstOrDefault(p => p.Role == ParameterRole.Stream);

    public ParameterModel? CancellationToken =>
        Parameters.FirstOrDefault(p => p.Role == ParameterRole.CancellationToken);

    public IReadOnlyList<ParameterModel> Arguments => [.. Parameters.Where(p => p.Role == ParameterRole.Argument)];
}

/// <summary>How a parameter travels.</summary>
internal enum ParameterRole
{
    Argument,
    Stream,
    CancellationToken,
}

/// <summary>One parameter.</summary>
/// <param name="Identifier">Escaped.</param>
/// <param name="Type">The declared type, fully qualified.</param>
/// <param name="PayloadType">The type that travels: the stream's item, else the type itself.</param>
/// <param name="PayloadName">The same for people and the baseline, without annotations.</param>
/// <param name="Default">The default value as C#, or null.</param>
internal sealed record ParameterModel(
    string Identifier,
    ParameterRole Role,
    string Type,
    string PayloadType,
    string PayloadName,
    bool IsParams,
    string? Default);
