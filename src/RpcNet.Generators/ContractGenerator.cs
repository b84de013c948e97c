using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Contracts;
using RpcNet.Generators.Emit;

namespace RpcNet.Generators;

/// <summary>
/// Writes client, base class and contract for every interface with [RpcService]. A contract with an error gets nothing;
/// the analyzer says why.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class ContractGenerator : IIncrementalGenerator
{
    /// <summary>The name of the step that tests look at.</summary>
    internal const string ContractsStep = "Contracts";

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
                    cancellationToken))
            .Where(static contract => contract is not null)
            .WithTrackingName(ContractsStep);
        context.RegisterSourceOutput(contracts, static (output, contract) =>
            output.AddSource($"{contract!.HintName}.g.cs", SourceText.From(ContractWriter.Write(contract), Encoding.UTF8)));
    }
}
