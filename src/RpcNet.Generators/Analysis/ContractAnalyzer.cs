using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Analysis;

/// <summary>Says at build time what would fail at run time.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ContractAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        Rules.MissingCancellationToken,
        Rules.UnsupportedReturnType,
        Rules.UnsupportedParameter,
        Rules.Overload,
        Rules.GenericMethod,
        Rules.UnsupportedMember,
        Rules.DuplicateWireName,
        Rules.InvalidName,
        Rules.SeveralStreams,
        Rules.MissingShape,
        Rules.MissingWitness,
        Rules.MisplacedRpcMethod,
        Rules.GenericContract,
        Rules.InaccessibleContract,
        Rules.GeneratedNameClash,
        Rules.UnserializableType,
        Rules.InvalidTimeout,
        Rules.NotReplayable,
        Rules.DuplicateService,
        Rules.BaselineMethodRemoved,
        Rules.BaselineChanged,
        Rules.BaselineOutdated,
        Rules.BaselineUnreadable,
        Rules.BaselineServiceRemoved,
    ];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterCompilationStartAction(static start =>
        {
            if (start.Compilation.GetTypeByMetadataName(Symbols.RpcService) is not null)
            {
                var analysis = new Analysis(start);
                start.RegisterSymbolAction(analysis.OnType, SymbolKind.NamedType);
                start.RegisterCompilationEndAction(analysis.OnEnd);
            }
        });
    }

    private sealed class Analysis(CompilationStartAnalysisContext start)
    {
        private readonly PayloadJudge _judge = new(start.Compilation);
        private readonly BaselineCheck? _baseline = BaselineCheck.Of(start.Options, start.CancellationToken);
        private readonly ConcurrentBag<(string Service, INamedTypeSymbol Contract)> _services = [];

        public void OnType(SymbolAnalysisContext context)
        {
            var type = (INamedTypeSymbol)context.Symbol;
            var service = type.TypeKind == TypeKind.Interface ? Symbols.Attribute(type, Symbols.RpcService) : null;
            CheckRpcMethods(context, type, isContract: service is not null);
            if (service is null)
            {
                return;
            }

            var model = ContractParser.Parse(
                type, service, context.Compilation, context.ReportDiagnostic, _judge, context.CancellationToken);
            if (service.ConstructorArguments.FirstOrDefault().Value is string name)
            {
                _services.Add((name, type));
            }

            if (model is not null)
            {
                _baseline?.Check(model, type, context.ReportDiagnostic);
            }
        }

        public void OnEnd(CompilationAnalysisContext context)
        {
            foreach (var same in _services.GroupBy(s => s.Service, StringComparer.Ordinal))
            {
                var ordered = same.Select(s => s.Contract)
                    .OrderBy(c => c.ToDisplayString(), StringComparer.Ordinal)
                    .ToList();
                foreach (var contract in ordered.Skip(1))
                {
                    context.ReportDiagnostic(Diagnostic.Create(
                        Rules.DuplicateService, Symbols.LocationOf(contract), contract.Name, same.Key, ordered[0].Name));
                }
            }

            _baseline?.CheckRemovedServices(_services.Select(s => s.Service), context.ReportDiagnostic);
        }

        private static void CheckRpcMethods(SymbolAnalysisContext context, INamedTypeSymbol type, bool isContract)
        {
            foreach (var method in type.GetMembers().OfType<IMethodSymbol>())
            {
                if (Symbols.Attribute(method, Symbols.RpcMethod) is not { } attribute)
                {
                    continue;
                }

                // An interface without [RpcService] may be the base of a contract.
                var problem = type.TypeKind != TypeKind.Interface ? "it belongs on the contract interface, not on its implementation"
                    : !method.IsAbstract ? "a method with a body is local and does not travel"
                    : !isContract && !IsBaseOfContract(type, context.Compilation) ? "its interface is no contract: put [RpcService] on it"
                    : null;
                if (problem is not null)
                {
                    var place = attribute.ApplicationSyntaxReference?.GetSyntax(context.CancellationToken).GetLocation();
                    context.ReportDiagnostic(Diagnostic.Create(
                        Rules.MisplacedRpcMethod, place ?? Symbols.LocationOf(method), method.Name, problem));
                }
            }
        }

        private static bool IsBaseOfContract(INamedTypeSymbol type, Compilation compilation) =>
            Symbols.Types(compilation.Assembly).Any(t =>
                t.TypeKind == TypeKind.Interface
                && t.AllInterfaces.Contains(type, SymbolEqualityComparer.Default)
                && Symbols.Attribute(t, Symbols.RpcService) is not null);
    }
}
