using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using RpcNet.Generators.Analysis;

namespace RpcNet.Generators.Contracts;

internal sealed partial class ContractParser
{
    private List<MethodModel> ParseMethods()
    {
        var models = new List<MethodModel>();
        var byWireName = new Dictionary<string, IMethodSymbol>(StringComparer.Ordinal);
        var memberNames = new HashSet<string>(StringComparer.Ordinal);
        var signatures = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Members())
        {
            _cancellationToken.ThrowIfCancellationRequested();
            if (Unsupported(member) is { } what)
            {
                Fail(Rules.UnsupportedMember, Symbols.LocationOf(member), member.Name, what);
                continue;
            }

            if (member is not IMethodSymbol { MethodKind: MethodKind.Ordinary, IsAbstract: true, IsStatic: false } method)
            {
                continue;
            }

            if (ParseMethod(method, memberNames) is { } model)
            {
                CheckWireName(method, model.WireName, byWireName);
                CheckSignature(method, model.WireName, signatures);
                models.Add(model);
            }
        }

        return models;
    }

    /// <summary>The interface's own members first, then those of its bases.</summary>
    private IEnumerable<ISymbol> Members() =>
        _contract.GetMembers().Concat(_contract.AllInterfaces.SelectMany(i => i.GetMembers()));

    private static string? Unsupported(ISymbol member) => member switch
    {
        { IsAbstract: false } => null,
        IPropertySymbol { IsIndexer: true } => "an indexer",
        IPropertySymbol => "a property",
        IEventSymbol => "an event",
        IMethodSymbol { MethodKind: MethodKind.Ordinary, IsStatic: true } => "a static abstract method",
        IMethodSymbol { MethodKind: MethodKind.UserDefinedOperator or MethodKind.Conversion } => "an operator",
        _ => null,
    };

    private MethodModel? ParseMethod(IMethodSymbol method, HashSet<string> memberNames)
    {
        var place = Symbols.LocationOf(method);
        if (method.IsGenericMethod)
        {
            Fail(Rules.GenericMethod, place, method.Name);
            return null;
        }

        var baseName = BaseName(_contract);
        if (method.Name == baseName + "Client" || method.Name == baseName + "Base")
        {
            Fail(Rules.GeneratedNameClash, place, _contract.Name, method.Name, "its method");
        }

        var (returns, result) = ParseReturn(method);
        var parameters = method.Parameters.Select(p => ParseParameter(method, p)).ToList();
        if (parameters.Count(p => p?.Role == ParameterRole.Stream) > 1)
        {
            Fail(Rules.SeveralStreams, place, method.Name);
        }

        if (!parameters.Any(p => p is null or { Role: ParameterRole.CancellationToken }))
        {
            Report(Rules.MissingCancellationToken, place, method.Name);
        }

        var refinement = Symbols.Attribute(method, Symbols.RpcMethod);
        var wireName = WireName(method);
        if (!IsWireName(wireName))
        {
            Fail(Rules.InvalidName, place, "method", wireName);
        }

        var timeout = Named(refinement, "TimeoutMilliseconds") as int? ?? 0;
        if (timeout < 0)
        {
            Fail(Rules.InvalidTimeout, place, method.Name, timeout);
        }

        var idempotent = Named(refinement, "Idempotent") as bool? ?? false;
        var replayable = Named(refinement, "Replayable") as bool? ?? false;
        if (replayable && (!idempotent || returns == ReturnKind.AsyncEnumerable || parameters.Any(p => p?.Role == ParameterRole.Stream)))
        {
            Fail(Rules.NotReplayable, place, method.Name);
        }

        if (returns is null || parameters.Contains(null))
        {
            return null;
        }

        return new MethodModel(
            Symbols.Escape(method.Name),
            MemberName(WithoutAsync(method.Name), memberNames),
            wireName,
            method.ContainingType.ToDisplayString(Symbols.Full),
            returns.Value,
            method.ReturnType.ToDisplayString(Symbols.Full),
            result?.ToDisplayString(Symbols.Full),
            result?.ToDisplayString(Symbols.Readable),
            new EquatableArray<ParameterModel>(parameters!),
            idempotent,
            replayable,
            timeout);
    }

    private (ReturnKind? Kind, ITypeSymbol? Result) ParseReturn(IMethodSymbol method)
    {
        const string Tasks = "System.Threading.Tasks";
        var type = method.ReturnType;
        ReturnKind? kind = method.RefKind != RefKind.None ? null
            : Symbols.Is(type, Tasks, "ValueTask", 1) ? ReturnKind.ValueTaskOfT
            : Symbols.Is(type, Tasks, "ValueTask") ? ReturnKind.ValueTask
            : Symbols.Is(type, Tasks, "Task", 1) ? ReturnKind.TaskOfT
            : Symbols.Is(type, Tasks, "Task") ? ReturnKind.Task
            : Symbols.IsAsyncEnumerable(type) ? ReturnKind.AsyncEnumerable
            : null;
        var result = (type as INamedTypeSymbol)?.TypeArguments.FirstOrDefault();
        if (kind is null || (result is not null && Symbols.IsAsyncEnumerable(result)))
        {
            Fail(Rules.UnsupportedReturnType, Symbols.LocationOf(method), method.Name, type.ToDisplayString());
            return default;
        }

        if (result is not null)
        {
            ParsePayload(method, result, Symbols.LocationOf(method));
        }

        return (kind, result);
    }

    private ParameterModel? ParseParameter(IMethodSymbol method, IParameterSymbol parameter)
    {
        var type = parameter.Type;
        var problem = parameter.RefKind != RefKind.None ? "it is passed by reference"
            : type.TypeKind is TypeKind.Pointer or TypeKind.FunctionPointer ? "it is a pointer"
            : type.TypeKind == TypeKind.Delegate ? "it is a delegate"
            : type.IsRefLikeType ? "it is a ref struct"
            : Symbols.IsCancellationToken(type) && parameter.Ordinal != method.Parameters.Length - 1
                ? "a CancellationToken must be the last parameter"
            : null;
        if (problem is not null)
        {
            Fail(Rules.UnsupportedParameter, Symbols.LocationOf(parameter), parameter.Name, method.Name, problem);
            return null;
        }

        var role = Symbols.IsCancellationToken(type) ? ParameterRole.CancellationToken
            : Symbols.IsAsyncEnumerable(type) ? ParameterRole.Stream
            : ParameterRole.Argument;
        var payload = role == ParameterRole.Stream ? ((INamedTypeSymbol)type).TypeArguments[0] : type;
        if (role != ParameterRole.CancellationToken)
        {
            ParsePayload(method, payload, Symbols.LocationOf(parameter));
        }

        return new ParameterModel(
            Symbols.Escape(parameter.Name),
            role,
            type.ToDisplayString(Symbols.Full),
            payload.ToDisplayString(Symbols.Full),
            payload.ToDisplayString(Symbols.Readable),
            parameter.IsParams,
            DefaultValue.Of(parameter));
    }

    private void ParsePayload(IMethodSymbol method, ITypeSymbol type, Location place)
    {
        if (ShapeSource.OfForeign(type, _compilation) is { } provider)
        {
            _foreignShapes.Add(provider);
        }

        if (_judge is null || _report is null)
        {
            return;
        }

        var name = type.ToDisplayString(Symbols.Readable);
        switch (_judge.Judge(type, out var reason))
        {
            case PayloadVerdict.Never:
                Report(Rules.UnserializableType, place, name, method.Name, reason!);
                break;
            case PayloadVerdict.NeedsShape:
                _report(Diagnostic.Create(
                    Rules.MissingShape, Place(place), [Symbols.LocationOf(type)], name, method.Name));
                break;
            case PayloadVerdict.NeedsWitness:
                var properties = ImmutableDictionary<string, string?>.Empty.Add(Rules.TypeProperty, name);
                _report(Diagnostic.Create(Rules.MissingWitness, Place(place), properties, name, method.Name));
                break;
        }
    }

    private void CheckWireName(IMethodSymbol method, string wireName, Dictionary<string, IMethodSymbol> seen)
    {
        if (!seen.TryGetValue(wireName, out var other))
        {
            seen.Add(wireName, method);
        }
        else if (other.Name == method.Name)
        {
            Fail(Rules.Overload, Symbols.LocationOf(method), method.Name, wireName);
        }
        else
        {
            Fail(Rules.DuplicateWireName, Symbols.LocationOf(method), method.Name, wireName, other.Name);
        }
    }

    /// <summary>Two bases may declare the same signature; one class cannot send it under two names.</summary>
    private void CheckSignature(IMethodSymbol method, string wireName, HashSet<string> seen)
    {
        var types = method.Parameters.Select(p => p.Type.ToDisplayString(Symbols.Readable));
        if (!seen.Add($"{method.Name}({string.Join(",", types)})") && !_failed)
        {
            Fail(Rules.Overload, Symbols.LocationOf(method), method.Name, wireName);
        }
    }

    /// <summary>RpcMethodAttribute.Name, or else the C# name without a trailing "Async".</summary>
    public static string WireName(IMethodSymbol method) =>
        Named(Symbols.Attribute(method, Symbols.RpcMethod), "Name") as string ?? WithoutAsync(method.Name);

    private static string MemberName(string name, HashSet<string> taken)
    {
        var unique = name;
        for (var i = 2; !taken.Add(unique); i++)
        {
            unique = name + i;
        }

        return unique;
    }

    private static string WithoutAsync(string name) =>
        name.Length > 5 && name.EndsWith("Async", StringComparison.Ordinal) ? name.Substring(0, name.Length - 5) : name;

    private static object? Named(AttributeData? attribute, string name) =>
        attribute?.NamedArguments.FirstOrDefault(a => a.Key == name).Value.Value;
}
