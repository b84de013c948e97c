using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Analysis;
using RpcNet.Generators.Baseline;
using RpcNet.Generators.Contracts;
using RpcNet.Generators.Emit;

namespace RpcNet.Generators;

/// <summary>
/// Writes client, base class and contract for every interface with [RpcService], and registers the shapes of the assembly's
/// message types. A contract with an error gets nothing; the analyzer says why.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class ContractGenerator : IIncrementalGenerator
{
    /// <summary>The names of the steps that tests look at.</summary>
    internal const string ContractsStep = "Contracts", ShapesStep = "Shapes";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var contracts = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                Symbols.RpcService,
                static (node, _) => node is InterfaceDeclarationSyntax,
                static (c, cancellationToken) => ContractParser.Parse(
                    (INamedTypeSymbol)c.TargetSymbol,
                    c.Attributes[0],
                    c.SemanticModel.Compilation,
                    report: null,
                    judge: null,
                    cancellationToken))
            .Where(static contract => contract is not null)
            .Select(static (contract, _) => contract!)
            .WithTrackingName(ContractsStep);
        context.RegisterSourceOutput(contracts, static (output, contract) =>
            output.AddSource($"{contract.HintName}.g.cs", SourceText.From(ContractWriter.Write(contract), Encoding.UTF8)));

        var writing = context.AnalyzerConfigOptionsProvider.Select(
            static (options, _) => BaselineCheck.IsWriting(options.GlobalOptions));
        context.RegisterSourceOutput(contracts.Collect().Combine(writing), static (output, source) =>
        {
            var (contracts, writing) = source;
            if (writing)
            {
                output.AddSource("rpc.contract.g.cs", SourceText.From(BaselineWriter.Write(contracts), Encoding.UTF8));
            }
        });

        // One provider covers all of an assembly's shapes, so any one annotated type leads to it.
        var own = First(Annotated(context, Symbols.GenerateShape, ShapeSource.OfShape));
        var witness = First(Annotated(context, Symbols.GenerateShapeFor, ShapeSource.OfWitness));
        var genericWitness = First(Annotated(context, Symbols.GenerateShapeForOfT, ShapeSource.OfWitness));
        var foreign = contracts.SelectMany(static (contract, _) => contract.ForeignShapes).Collect();
        var shapes = own.Combine(witness).Combine(genericWitness).Combine(foreign)
            .Select(static (all, _) =>
            {
                var (((own, witness), genericWitness), foreign) = all;
                var assembly = own ?? witness ?? genericWitness;
                var others = foreign.Distinct().OrderBy(f => f, StringComparer.Ordinal);
                return new EquatableArray<string>(assembly is null ? others : others.Prepend(assembly));
            })
            .WithTrackingName(ShapesStep);
        context.RegisterSourceOutput(shapes, static (output, providers) =>
        {
            if (providers.Count > 0)
            {
                output.AddSource("RpcNet.Shapes.g.cs", SourceText.From(ShapeWriter.Write(providers), Encoding.UTF8));
            }
        });
    }

    private static IncrementalValuesProvider<string?> Annotated(
        IncrementalGeneratorInitializationContext context,
        string attribute,
        Func<INamedTypeSymbol, string?> provider) =>
        context.SyntaxProvider.ForAttributeWithMetadataName(
            attribute,
            static (node, _) => node is TypeDeclarationSyntax,
            (c, _) => provider((INamedTypeSymbol)c.TargetSymbol));

    private static IncrementalValueProvider<string?> First(IncrementalValuesProvider<string?> all) =>
        all.Collect().Select(static (ImmutableArray<string?> found, CancellationToken _) =>
            found.Where(f => f is not null).OrderBy(f => f, StringComparer.Ordinal).FirstOrDefault());
}
