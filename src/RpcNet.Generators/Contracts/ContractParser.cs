using Microsoft.CodeAnalysis;
using RpcNet.Generators.Analysis;

namespace RpcNet.Generators.Contracts;

/// <summary>
/// Turns a contract interface into its model. The generator and the analyzer share it, so that code is generated exactly
/// when there is no error to report.
/// </summary>
internal sealed partial class ContractParser
{
    private readonly INamedTypeSymbol _contract;
    private readonly Compilation _compilation;
    private readonly Action<Diagnostic>? _report;
    private readonly PayloadJudge? _judge;
    private readonly CancellationToken _cancellationToken;
    private readonly SortedSet<string> _foreignShapes = new(StringComparer.Ordinal);
    private bool _failed;

    private ContractParser(
        INamedTypeSymbol contract,
        Compilation compilation,
        Action<Diagnostic>? report,
        PayloadJudge? judge,
        CancellationToken cancellationToken)
    {
        _contract = contract;
        _compilation = compilation;
        _report = report;
        _judge = judge;
        _cancellationToken = cancellationToken;
    }

    /// <summary>
    /// The model, or null when there are errors; they go to <paramref name="report"/>. Payload types are judged only when
    /// <paramref name="judge"/> is given: what they lack does not keep the code from being generated.
    /// </summary>
    public static ContractModel? Parse(
        INamedTypeSymbol contract,
        AttributeData service,
        Compilation compilation,
        Action<Diagnostic>? report,
        PayloadJudge? judge,
        CancellationToken cancellationToken) =>
        new ContractParser(contract, compilation, report, judge, cancellationToken).Parse(service);

    /// <summary>The contracts of a compilation that have no errors.</summary>
    public static IEnumerable<ContractModel> ParseAll(Compilation compilation, CancellationToken cancellationToken) =>
        Symbols.Types(compilation.Assembly)
            .Where(type => type.TypeKind == TypeKind.Interface)
            .Select(type => Symbols.Attribute(type, Symbols.RpcService) is { } service
                ? Parse(type, service, compilation, report: null, judge: null, cancellationToken)
                : null)
            .Where(model => model is not null)
            .Select(model => model!);

    private ContractModel? Parse(AttributeData service)
    {
        var serviceName = service.ConstructorArguments.FirstOrDefault().Value as string ?? "";
        if (!IsWireName(serviceName))
        {
            var place = service.ApplicationSyntaxReference?.GetSyntax(_cancellationToken).GetLocation();
            Fail(Rules.InvalidName, place ?? Symbols.LocationOf(_contract), "service", serviceName);
        }

        if (Symbols.IsGeneric(_contract))
        {
            Fail(Rules.GenericContract, Symbols.LocationOf(_contract), _contract.Name);
        }

        if (!Symbols.IsAccessible(_contract))
        {
            Fail(Rules.InaccessibleContract, Symbols.LocationOf(_contract), _contract.Name);
        }

        var baseName = BaseName(_contract);
        CheckGeneratedNames(baseName);
        var methods = ParseMethods();
        if (_failed)
        {
            return null;
        }

        var ns = _contract.ContainingNamespace;
        return new ContractModel(
            ns.IsGlobalNamespace ? "" : ns.ToDisplayString(Symbols.Full).Substring("global::".Length),
            _contract.ToDisplayString(Symbols.Full),
            baseName,
            Symbols.IsPublic(_contract) ? "public" : "internal",
            serviceName,
            new EquatableArray<MethodModel>(methods),
            new EquatableArray<string>(_foreignShapes));
    }

    /// <summary>"Compute" for <c>ICompute</c>, "OuterCompute" for <c>Outer.ICompute</c>.</summary>
    public static string BaseName(INamedTypeSymbol contract)
    {
        var name = contract.Name;
        if (name.Length > 1 && name[0] == 'I' && char.IsUpper(name[1]))
        {
            name = name.Substring(1);
        }

        for (var outer = contract.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            name = outer.Name + name;
        }

        return name;
    }

    public static bool IsWireName(string name) =>
        name.Length is > 0 and <= 200 && name.All(c => c is > ' ' and < '\x7f' and not '/');

    private void CheckGeneratedNames(string baseName)
    {
        foreach (var suffix in new[] { "Client", "Base", "Contract" })
        {
            var generated = baseName + suffix;
            foreach (var other in _contract.ContainingNamespace.GetTypeMembers(generated, 0))
            {
                if (!IsGenerated(other) && SymbolEqualityComparer.Default.Equals(
                    other.ContainingAssembly, _compilation.Assembly))
                {
                    Fail(Rules.GeneratedNameClash, Symbols.LocationOf(_contract), _contract.Name, generated, "another type");
                }
            }
        }

        foreach (var other in _contract.ContainingNamespace.GetTypeMembers().SelectMany(WithNested))
        {
            // The first of two clashing contracts gets its code, so that its users see one error and not dozens.
            if (!SymbolEqualityComparer.Default.Equals(other, _contract)
                && other.TypeKind == TypeKind.Interface
                && BaseName(other) == baseName
                && Symbols.Attribute(other, Symbols.RpcService) is not null
                && string.CompareOrdinal(other.ToDisplayString(), _contract.ToDisplayString()) < 0)
            {
                Fail(
                    Rules.GeneratedNameClash,
                    Symbols.LocationOf(_contract),
                    _contract.Name,
                    baseName + "Client",
                    $"the contract {other.Name}");
            }
        }
    }

    private static IEnumerable<INamedTypeSymbol> WithNested(INamedTypeSymbol type) =>
        type.GetTypeMembers().SelectMany(WithNested).Prepend(type);

    private static bool IsGenerated(INamedTypeSymbol type) =>
        type.GetAttributes().Any(a =>
            a.AttributeClass?.Name == "GeneratedCodeAttribute"
            && a.ConstructorArguments.FirstOrDefault().Value is "RpcNet.Generators");

    private void Fail(DiagnosticDescriptor rule, Location location, params object[] arguments)
    {
        _failed = true;
        Report(rule, location, arguments);
    }

    private void Report(DiagnosticDescriptor rule, Location location, params object[] arguments) =>
        _report?.Invoke(Diagnostic.Create(rule, Place(location), arguments));

    /// <summary>An inherited member from another assembly has no place here; the contract that inherits it has.</summary>
    private Location Place(Location location) => location.IsInSource ? location : Symbols.LocationOf(_contract);
}
